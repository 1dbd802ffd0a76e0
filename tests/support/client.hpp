#pragma once

#include <google/protobuf/message.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "client.pb.h"
#include "support/wait.hpp"

namespace cm::test {

class Tunnel;

// The id of a message, `protoChatREQ`, computed here once more: the tests do not believe the host's.
std::uint16_t message_id(std::string_view package_and_name);
template <class T>
std::uint16_t id_of() {
  return message_id(T::descriptor()->file()->package() + T::descriptor()->name());
}

struct Frame {
  std::uint16_t id = 0;
  std::string body;

  template <class T>
  [[nodiscard]] bool is() const {
    return id == id_of<T>();
  }
  template <class T>
  [[nodiscard]] T as() const {
    T message;
    if (!is<T>() || !message.ParseFromString(body)) throw std::runtime_error("not a " + T::descriptor()->full_name());
    return message;
  }
};

// As it goes over TCP: length, id, body.
std::string frame(std::uint16_t id, std::string_view body);

// A bare client of a frontend, as clumsy or evil as a test wants. Blocking; every wait has a bound. Anything that
// does not come within it throws, with what came instead. One thread.
class Client {
 public:
  static constexpr seconds kBound{20};

  // Connects to `host:port`, or a URL: tcp://, tls://, ws://, wss://. Raw bytes are of the framing of TCP whatever it
  // is.
  explicit Client(const std::string& address);
  ~Client();
  Client(Client&& other) noexcept;
  Client& operator=(Client&&) = delete;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  template <class T>
  void send(const T& message) {
    send(id_of<T>(), message.SerializeAsString());
  }
  void send(std::uint16_t id, std::string_view body) { send_raw(frame(id, body)); }
  // False when the other side closed.
  bool send_raw(std::string_view bytes);
  // Writes only what the socket takes at once; how much that was.
  std::size_t send_some(std::string_view bytes);

  // The next frame; nothing when the other side closed.
  std::optional<Frame> read(milliseconds bound = kBound);
  // The next message of this type, skipping others.
  template <class T>
  T expect(milliseconds bound = kBound) {
    return expect_frame(id_of<T>(), T::descriptor()->name(), bound).template as<T>();
  }
  // The next NoticeACK with this code, skipping all other messages.
  proto::NoticeACK expect_notice(proto::NoticeACK::Code code, milliseconds bound = kBound);
  // Reads on until the other side closes; the last NoticeACK before that.
  std::optional<proto::NoticeACK> expect_close(milliseconds bound = kBound);
  // Nothing comes within a short time.
  bool silent(milliseconds time = milliseconds(200));

  // Its own end, `127.0.0.1:50123`, as the host sees it.
  [[nodiscard]] std::string local_address() const;
  [[nodiscard]] bool websocket() const;
  // Of the WebSocket's close frame that the host sent; 0: none came.
  [[nodiscard]] int close_code() const;
  // What the client's own end of the transport said of the end of the connection; once that was read.
  [[nodiscard]] std::string trouble() const;
  void shutdown_write();
  // With a RST instead of a FIN.
  void reset();
  [[nodiscard]] int fd() const { return fd_; }

 private:
  Frame expect_frame(std::uint16_t id, const std::string& name, milliseconds bound);
  // False when the bound is over.
  [[nodiscard]] bool wait_readable(Clock::time_point deadline) const;

  int fd_ = -1;
  std::unique_ptr<Tunnel> tunnel_;  // none over TCP
  std::string input_;
};

}  // namespace cm::test
