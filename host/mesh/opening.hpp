#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include <google/protobuf/message_lite.h>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/result.hpp"
#include "mesh.pb.h"
#include "mesh/connection.hpp"
#include "mesh/wire.hpp"
#include "net/fd.hpp"

namespace cm::mesh {

namespace pb = ::cellmesh::mesh;

template <class T>
using Task = boost::asio::awaitable<T, Executor>;

// A frame of the handshake.
struct OpeningFrame {
  FrameType type{};
  std::uint16_t major = 0;
  std::uint16_t minor = 0;
  std::string body;
};

// A TCP connection before it is a link, with a time limit on all that happens on it. Shared by the coroutine that leads
// it and by who may abandon it; on one io worker.
class Opening : public std::enable_shared_from_this<Opening> {
 public:
  explicit Opening(boost::asio::io_context& context) : socket_(context.get_executor()), timer_(context) {}
  // Takes over a connected socket.
  Opening(boost::asio::io_context& context, net::Fd socket);

  // From now on; called once.
  void limit(std::chrono::milliseconds time);
  // Closes it; what waits on it comes back with an error.
  void abandon();
  [[nodiscard]] bool abandoned() const { return abandoned_; }

  // `ip:port`
  Task<base::Status> connect(std::string address);
  Task<base::Result<OpeningFrame>> read();
  Task<base::Status> write(std::string frame);

  // The socket, for the link or for another worker; this object is of no use then.
  Socket take_socket();
  net::Fd take_fd();
  // `ip:port` of the other end; empty when it is gone.
  [[nodiscard]] std::string peer() const;

 private:
  [[nodiscard]] base::Error failed(const std::string& what, const boost::system::error_code& ec) const;

  Socket socket_;
  boost::asio::basic_waitable_timer<std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>,
                                    Executor>
      timer_;
  std::chrono::milliseconds limit_{0};
  bool expired_ = false;
  bool abandoned_ = false;
};

// A frame of the handshake in its bytes.
std::string opening_frame(FrameType type, const google::protobuf::MessageLite& message, std::uint16_t major = kMajor);
pb::Refusal refusal(pb::Refusal::Reason reason, std::string text);

}  // namespace cm::mesh
