#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "client.cellmesh.hpp"
#include "game.cellmesh.hpp"
#include "net/frame.hpp"

namespace cm::cli::test {

template <class M>
std::string frame_of(const M& message) {
  const std::string body = message.SerializeAsString();
  std::string frame(net::kFrameHeader + body.size(), '\0');
  net::encode_frame(reinterpret_cast<std::byte*>(frame.data()), cellmesh::MessageTraits<M>::id,
                    std::as_bytes(std::span(body)));
  return frame;
}

// A login and an agent on loopback ports, on a thread of their own, that behave unless they are told not to. What they
// do with a message is changed before start(); the functions run on that thread.
class FakeMesh {
 public:
  using OnMessage = std::function<void(int fd, std::uint16_t id, const std::string& body)>;

  FakeMesh() : login_fd_(listen()), agent_fd_(listen()) {
    if (::pipe(wake_.data()) != 0) std::abort();
  }
  ~FakeMesh() {
    stop_ = true;
    [[maybe_unused]] const auto n = ::write(wake_[1], "x", 1);
    if (thread_.joinable()) thread_.join();
    for (const auto& [fd, connection] : connections_) ::close(fd);
    for (const int fd : {login_fd_, agent_fd_, wake_[0], wake_[1]}) ::close(fd);
  }
  FakeMesh(const FakeMesh&) = delete;
  FakeMesh& operator=(const FakeMesh&) = delete;

  void start() {
    thread_ = std::thread([this] { run(); });
  }
  [[nodiscard]] std::string login_address() const { return "127.0.0.1:" + std::to_string(port(login_fd_)); }
  [[nodiscard]] std::string agent_address() const { return "127.0.0.1:" + std::to_string(port(agent_fd_)); }

  OnMessage on_login = [this](int fd, std::uint16_t, const std::string&) { send(fd, login_ack()); };
  OnMessage on_verify = [this](int fd, std::uint16_t, const std::string&) { send(fd, proto::VerifyACK()); };
  OnMessage on_ping = [this](int fd, std::uint16_t, const std::string&) { send(fd, proto::PingACK()); };
  OnMessage on_chat = [this](int fd, std::uint16_t, const std::string& body) { echo(fd, body); };
  OnMessage on_player = [this](int fd, std::uint16_t, const std::string&) { send(fd, proto::PlayerACK()); };
  OnMessage on_level_up = [](int, std::uint16_t, const std::string&) {};

  // For the functions above.
  [[nodiscard]] proto::LoginACK login_ack() const {
    proto::LoginACK ack;
    ack.mutable_server()->set_ip("127.0.0.1");
    ack.mutable_server()->set_port(port(agent_fd_));
    ack.set_game_token("token");
    ack.set_game_svc_id("game#0@dev");
    return ack;
  }
  void echo(int from, const std::string& body) {
    proto::ChatREQ request;
    request.ParseFromString(body);
    proto::ChatACK ack;
    ack.set_content(request.content());
    ack.set_from("ann");
    ack.set_channel(request.channel());
    ack.set_to(request.to());
    for (const auto& [fd, connection] : connections_) {
      if (connection.agent) send(fd, ack);
    }
    proto::ChatDoneACK done;
    done.set_request_id(request.request_id());
    send(from, done);
  }
  template <class M>
  void send(int fd, const M& message) {
    send_bytes(fd, frame_of(message));
  }
  void send_bytes(int fd, std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  // Ends the connection after what was sent.
  void close(int fd) const { ::shutdown(fd, SHUT_RDWR); }

  std::atomic<int> logins{0};
  std::atomic<int> chats{0};

 private:
  struct Connection {
    bool agent = false;
    std::string in;
  };

  static int listen() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 16) != 0)
      std::abort();
    return fd;
  }
  static int port(int fd) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }

  void run() {
    while (!stop_) {
      std::vector<pollfd> fds{{wake_[0], POLLIN, 0}, {login_fd_, POLLIN, 0}, {agent_fd_, POLLIN, 0}};
      for (const auto& [fd, connection] : connections_) fds.push_back({fd, POLLIN, 0});
      if (::poll(fds.data(), fds.size(), -1) < 0) return;
      for (const pollfd& p : fds) {
        if (p.revents == 0 || p.fd == wake_[0]) continue;
        if (p.fd == login_fd_ || p.fd == agent_fd_) {
          const int fd = ::accept(p.fd, nullptr, nullptr);
          const int on = 1;
          ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
          connections_[fd] = {p.fd == agent_fd_, {}};
        } else {
          read(p.fd);
        }
      }
    }
  }

  void read(int fd) {
    std::array<char, 65536> chunk{};
    const ssize_t n = ::recv(fd, chunk.data(), chunk.size(), 0);
    if (n <= 0) {
      ::close(fd);
      connections_.erase(fd);
      return;
    }
    std::string& in = connections_[fd].in;
    in.append(chunk.data(), static_cast<std::size_t>(n));
    while (true) {
      const auto frame = net::decode_frame(std::as_bytes(std::span(in)), net::kMaxFrameBody);
      if (frame.status != net::Decoded::Status::complete) return;
      const std::string body(reinterpret_cast<const char*>(frame.body.data()), frame.body.size());
      const std::uint16_t id = frame.id;
      in.erase(0, frame.size);
      on_message(fd, id, body);
    }
  }

  void on_message(int fd, std::uint16_t id, const std::string& body) {
    using cellmesh::MessageTraits;
    if (id == MessageTraits<proto::LoginREQ>::id) {
      ++logins;
      on_login(fd, id, body);
    } else if (id == MessageTraits<proto::VerifyREQ>::id) {
      on_verify(fd, id, body);
    } else if (id == MessageTraits<proto::PingACK>::id) {
      on_ping(fd, id, body);
    } else if (id == MessageTraits<proto::ChatREQ>::id) {
      ++chats;
      on_chat(fd, id, body);
    } else if (id == MessageTraits<proto::PlayerREQ>::id) {
      on_player(fd, id, body);
    } else if (id == MessageTraits<proto::LevelUpREQ>::id) {
      on_level_up(fd, id, body);
    }
  }

  const int login_fd_;
  const int agent_fd_;
  std::array<int, 2> wake_{};
  std::atomic<bool> stop_{false};
  std::map<int, Connection> connections_;  // its thread
  std::thread thread_;
};

}  // namespace cm::cli::test
