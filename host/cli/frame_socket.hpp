#pragma once

#include <poll.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/host_port.hpp"
#include "base/result.hpp"

struct addrinfo;

namespace cm::cli {

// The client protocol on one TCP connection that never blocks, for a loop around poll(). One thread.
class FrameSocket {
 public:
  FrameSocket() = default;
  ~FrameSocket() { close(); }
  FrameSocket(const FrameSocket&) = delete;
  FrameSocket& operator=(const FrameSocket&) = delete;

  // Begins to connect; an open connection is closed before. Looking the name up blocks.
  base::Status connect(const base::HostPort& to);
  void close();

  // Queues a frame; sent when the connection stands. The body is at most 65,533 bytes.
  void send(std::uint16_t id, std::string_view body);
  [[nodiscard]] std::size_t unsent() const { return out_.size(); }

  // What to poll for; the descriptor is -1 when closed.
  [[nodiscard]] pollfd interest() const;
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  [[nodiscard]] bool is_connected() const { return connected_; }

  // Sends, reads and hands out the frames that came. An error: the connection is closed, and why. `on_frame` may close
  // it or connect anew; the frames behind are dropped then.
  using OnFrame = std::function<void(std::uint16_t id, std::string_view body)>;
  base::Status on_ready(short events, const OnFrame& on_frame);

 private:
  struct Address {
    int family = 0;
    std::vector<char> bytes;
  };
  base::Status try_next();
  base::Status flush();
  base::Status read(const OnFrame& on_frame);
  base::Status hand_out(const OnFrame& on_frame);

  std::vector<Address> addresses_;  // not tried yet
  int fd_ = -1;
  bool connected_ = false;
  unsigned generation_ = 0;  // which connection this is
  std::string out_;
  std::string in_;
};

}  // namespace cm::cli
