#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "admin/server.hpp"

namespace cm::admin {

using Executor = boost::asio::io_context::executor_type;
using Socket = boost::asio::basic_stream_socket<boost::asio::local::stream_protocol, Executor>;
using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;

// One connection to the admin socket: reads a line, runs its command, writes the answer, reads the next. Kept alive by
// the operation that it waits for; closing ends that. [admin thread]
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // Runs a function on the admin thread; does nothing when that has ended. [any thread]
  using Post = std::function<void(std::function<void()>)>;

  Connection(Socket socket, const ServerConfig& config, const Handlers& handlers, Post post,
             std::shared_ptr<void> place);

  void serve();
  // Says why there is no service, and closes.
  void refuse(const std::string& why);

 private:
  void read();
  void on_line(const boost::system::error_code& ec, std::size_t size);
  void run(std::string_view line);
  void answer(base::Result<boost::json::value> result);
  void write();
  void close();
  // Begins the next phase, which may take so long; on_late is called when it does.
  void begin_phase(std::chrono::milliseconds limit, void (Connection::*on_late)());
  void too_late();

  // Constant after construction.
  const ServerConfig& config_;
  const Handlers& handlers_;
  const Post post_;
  const std::shared_ptr<void> place_;  // counts this connection for as long as it lives

  Socket socket_;
  Timer timer_;
  std::uint64_t phase_ = 0;  // what a timer or a command's answer must still be about
  std::string input_;
  std::string output_;
  bool last_ = false;  // closes after this answer
};

}  // namespace cm::admin
