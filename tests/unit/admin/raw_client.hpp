#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include <stdlib.h>

namespace cm::admin::test {

// A directory of the test's own, removed with it.
class TempDir {
 public:
  TempDir() {
    std::array<char, 32> name{};
    std::strcpy(name.data(), "/tmp/cm-admin-XXXXXX");
    path_ = ::mkdtemp(name.data());
  }
  ~TempDir() { [[maybe_unused]] const int rc = std::system(("rm -rf " + path_).c_str()); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  return address;
}

// A connection that sends what it is told to, well-formed or not.
class RawClient {
 public:
  explicit RawClient(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_un address = unix_address(path);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { ::close(fd_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  // As much as the server takes.
  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  void end_of_input() const { ::shutdown(fd_, SHUT_WR); }

  // The next line, without its end; "<closed>" when the server has closed, "<silent>" after a long time.
  std::string line() {
    while (true) {
      if (const auto end = input_.find('\n'); end != std::string::npos) {
        std::string out = input_.substr(0, end);
        input_.erase(0, end + 1);
        return out;
      }
      pollfd p{fd_, POLLIN, 0};
      if (::poll(&p, 1, 20'000) <= 0) return "<silent>";
      std::array<char, 4096> chunk{};
      const ssize_t n = ::recv(fd_, chunk.data(), chunk.size(), 0);
      if (n <= 0) return "<closed>";
      input_.append(chunk.data(), static_cast<std::size_t>(n));
    }
  }

 private:
  const int fd_;
  bool connected_ = false;
  std::string input_;
};

}  // namespace cm::admin::test
