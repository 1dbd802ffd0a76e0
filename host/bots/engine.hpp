#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/host_port.hpp"
#include "base/result.hpp"
#include "net/buffer.hpp"
#include "net/client.hpp"
#include "plugin/deadline_map.hpp"

namespace cm::bots {

class Connection;
class Robot;

// What all robots of a run stand on: one thread, one io_context, one clock, one pool of buffers. A turn: wait until
// something is ready, run what is, fire timers, flush what was written, free what is over.
class Engine {
 public:
  explicit Engine(net::TlsTrust trust);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // One turn; waits at most so long.
  void turn(std::chrono::milliseconds most);

  struct Timer {
    Robot* robot = nullptr;
    const std::string* handler = nullptr;  // null: the robot's own
    std::string cookie = {};
    std::uint64_t period_ms = 0;
  };
  using Timers = plugin::DeadlineMap<Timer>;
  [[nodiscard]] Timers& timers() { return timers_; }
  // One copy of each name, for the life of the run.
  const std::string* intern(std::string_view name);

  // Looks a name up, once a name: that blocks. Of several addresses it is the one that was not given up last.
  base::Result<boost::asio::ip::tcp::endpoint> resolve(const base::HostPort& to);

  // Nobody is at that address of the name: on to its next one.
  void give_up(std::string_view host, const boost::asio::ip::address& address);

  [[nodiscard]] boost::asio::io_context& context() { return context_; }
  [[nodiscard]] net::BufferPool& pool() { return pool_; }
  [[nodiscard]] std::span<std::byte> scratch() { return scratch_; }
  // flush() at the end of the turn.
  void mark_dirty(std::shared_ptr<Connection> connection) { dirty_.push_back(std::move(connection)); }
  [[nodiscard]] net::ClientTransports& transports() { return transports_; }
  // Frees it at the end of a turn, once it is not busy any more.
  void retire(std::shared_ptr<Connection> connection) { retired_.push_back(std::move(connection)); }

 private:
  void fire_timers();
  void flush();
  void free_retired();

  net::BufferPool pool_;  // outlives the context, whose handlers own connections
  std::vector<std::byte> scratch_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
  net::ClientTransports transports_;
  std::vector<std::shared_ptr<Connection>> dirty_;
  std::vector<std::shared_ptr<Connection>> retired_;
  Timers timers_{1};
  std::vector<std::uint64_t> due_;
  std::set<std::string, std::less<>> names_;
  std::map<std::string, std::vector<boost::asio::ip::address>, std::less<>> resolved_;  // the first one counts
};

}  // namespace cm::bots
