#include "bots/engine.hpp"

#include <algorithm>

#include "bots/connection.hpp"
#include "bots/robot.hpp"
#include "net/frame_reader.hpp"

namespace cm::bots {

namespace asio = boost::asio;
using boost::system::error_code;

Engine::Engine(net::TlsTrust trust)
    : scratch_(net::FrameReader::kCopy + net::FrameReader::kRead), transports_(context_, pool_, std::move(trust)) {}

// What a connection that was closed waits for comes within a turn or two.
Engine::~Engine() {
  work_.reset();
  dirty_.clear();
  for (int i = 0; i < 1'000 && !retired_.empty(); ++i) {
    context_.restart();
    (void)context_.poll();
    free_retired();
  }
}

void Engine::turn(std::chrono::milliseconds most) {
  const auto until_timer = timers_.next_deadline() - plugin::now_ms();
  const auto wait = std::clamp<std::int64_t>(until_timer, 0, most.count());
  (void)context_.run_one_for(std::chrono::milliseconds(wait));
  (void)context_.poll();
  fire_timers();
  flush();
  free_retired();
}

void Engine::fire_timers() {
  const std::int64_t now = plugin::now_ms();
  due_.clear();
  timers_.due(now, due_);
  for (const std::uint64_t number : due_) {
    Timer* found = timers_.find(number);
    if (found == nullptr) continue;  // cancelled by one before it
    Robot* robot = found->robot;
    if (found->period_ms == 0) {
      const auto timer = timers_.take(number);
      robot->on_timer(number, timer->handler, timer->cookie);
    } else {
      const Timer timer = *found;
      timers_.move_deadline(number, plugin::after(now, timer.period_ms));
      robot->on_timer(number, timer.handler, timer.cookie);
    }
  }
}

void Engine::flush() {
  // A flush may end a connection, whose robot then writes to another one.
  for (std::size_t i = 0; i < dirty_.size(); ++i) {
    const auto connection = dirty_[i];
    connection->flush();
  }
  dirty_.clear();
}

void Engine::free_retired() {
  std::erase_if(retired_, [](const auto& connection) { return !connection->busy(); });
}

const std::string* Engine::intern(std::string_view name) {
  const auto it = names_.find(name);
  return it != names_.end() ? &*it : &*names_.emplace(name).first;
}

base::Result<asio::ip::tcp::endpoint> Engine::resolve(const base::HostPort& to) {
  auto& addresses = resolved_[to.host];
  if (addresses.empty()) {
    error_code ec;
    const auto address = asio::ip::make_address(to.host, ec);
    if (!ec) {
      addresses.push_back(address);
    } else {
      asio::ip::tcp::resolver resolver(context_);
      for (const auto& found : resolver.resolve(to.host, "", ec)) addresses.push_back(found.endpoint().address());
      if (addresses.empty()) return base::error("the name " + to.host + " is not known here: " + ec.message());
    }
  }
  return asio::ip::tcp::endpoint(addresses.front(), to.port);
}

void Engine::give_up(std::string_view host, const asio::ip::address& address) {
  const auto it = resolved_.find(host);
  // Of many that tried it at once the first one to fail moves on for all.
  if (it != resolved_.end() && !it->second.empty() && it->second.front() == address) {
    std::rotate(it->second.begin(), it->second.begin() + 1, it->second.end());
  }
}

}  // namespace cm::bots
