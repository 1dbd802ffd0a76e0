#pragma once

#include <poll.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "base/result.hpp"
#include "net/address.hpp"
#include "net/buffer.hpp"
#include "net/client.hpp"
#include "net/transport.hpp"

namespace cm::cli {

// The client protocol on one connection by any transport, which never blocks, for a loop around poll(). One thread.
class FrameSocket : private net::Transport::Handler {
 public:
  explicit FrameSocket(net::TlsTrust trust = {}) : transports_(context_, pool_, std::move(trust)) {}
  ~FrameSocket();
  FrameSocket(const FrameSocket&) = delete;
  FrameSocket& operator=(const FrameSocket&) = delete;

  // Begins to connect; an open connection is closed before. Looking the name up blocks.
  base::Status connect(const net::Address& to);
  void close();
  // Gives up an address that nobody has taken yet, for the next one of the name. False: there is none.
  bool move_on();

  // Queues a frame; sent when hands are shaken. The body is at most 65,533 bytes.
  void send(std::uint16_t id, std::string_view body);
  [[nodiscard]] std::size_t unsent() const { return out_.size(); }

  // What to poll for; the descriptor is -1 when closed.
  [[nodiscard]] pollfd interest() const;
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  // Somebody took the last connection, whatever became of it.
  [[nodiscard]] bool reached() const { return reached_; }

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
  base::Status shake_hands();
  void flush();
  base::Status hand_out();
  void turn();
  void fail(const std::string& otherwise);
  // Of the transport.
  void on_readable() override;
  void on_writable() override {}
  void on_released() override {}

  net::BufferPool pool_;
  boost::asio::io_context context_{1};  // runs what is ready when on_ready() is called, and no more
  net::ClientTransports transports_;
  net::Address to_;
  std::vector<Address> addresses_;  // not tried yet
  int fd_ = -1;                     // the transport's, once there is one
  std::unique_ptr<net::Transport> transport_;
  std::vector<std::unique_ptr<net::Transport>> closed_;  // and not free yet
  bool open_ = false;                                    // hands are shaken
  bool reached_ = false;
  unsigned generation_ = 0;  // which connection this is
  std::string out_;
  std::string in_;
  // During on_ready().
  const OnFrame* on_frame_ = nullptr;
  std::optional<base::Error> trouble_;
};

}  // namespace cm::cli
