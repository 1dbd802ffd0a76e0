#include "bench/load.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <stdexcept>

namespace cm::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSilenceMs = 10'000;

std::uint64_t ns(Clock::duration time) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
}

// One epoll set over all clients. Calls on_answer(client) for each whole answer until it returns false.
class Loop {
 public:
  Loop(std::vector<test::Client>& clients, std::string request, std::vector<std::size_t> answers)
      : clients_(clients), request_(std::move(request)), answers_(std::move(answers)), waiting_(answers_) {
    poller_ = ::epoll_create1(EPOLL_CLOEXEC);
    for (std::size_t i = 0; i < clients.size(); ++i) {
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = i;
      if (::epoll_ctl(poller_, EPOLL_CTL_ADD, clients[i].fd(), &event) != 0)
        throw std::runtime_error("epoll_ctl failed");
    }
  }
  ~Loop() { ::close(poller_); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void send(std::size_t client) {
    // One small request at a time: it always fits the socket.
    const ssize_t n = ::send(clients_[client].fd(), request_.data(), request_.size(), MSG_NOSIGNAL);
    if (n != static_cast<ssize_t>(request_.size())) throw std::runtime_error("a client's connection broke");
  }

  void run(const std::function<bool(std::size_t)>& on_answer) {
    std::array<epoll_event, 512> events{};
    std::array<char, 65536> chunk{};
    for (;;) {
      const int count = ::epoll_wait(poller_, events.data(), static_cast<int>(events.size()), kSilenceMs);
      if (count == 0) throw std::runtime_error("no answer for ten seconds");
      for (int i = 0; i < count; ++i) {
        const auto client = static_cast<std::size_t>(events[static_cast<std::size_t>(i)].data.u64);
        const ssize_t n = ::recv(clients_[client].fd(), chunk.data(), chunk.size(), 0);
        if (n < 0 && errno == EAGAIN) continue;
        if (n <= 0) throw std::runtime_error("the other side closed a connection");
        auto got = static_cast<std::size_t>(n);
        while (got >= waiting_[client]) {
          got -= waiting_[client];
          waiting_[client] = answers_[client];
          if (!on_answer(client)) return;
        }
        waiting_[client] -= got;
      }
    }
  }

 private:
  std::vector<test::Client>& clients_;
  const std::string request_;
  const std::vector<std::size_t> answers_;  // bytes of each client's
  std::vector<std::size_t> waiting_;        // bytes of its answer that a client still waits for
  int poller_ = -1;
};

// Measures from the first answer after the warm-up on.
class Window {
 public:
  Window(std::chrono::milliseconds warm_up, std::chrono::milliseconds duration, pid_t watched)
      : begin_(Clock::now() + warm_up), duration_(duration), meter_(watched) {}

  enum class Phase { before, inside, after };
  Phase phase(Clock::time_point now) {
    if (phase_ == Phase::before && now >= begin_) {
      phase_ = Phase::inside;
      meter_.start();
      begin_ = Clock::now();
    } else if (phase_ == Phase::inside && now >= begin_ + duration_) {
      phase_ = Phase::after;
      result.spent = meter_.stop();
      result.seconds = std::chrono::duration<double>(now - begin_).count();
    }
    return phase_;
  }

  Result result;

 private:
  Clock::time_point begin_;
  const std::chrono::milliseconds duration_;
  Phase phase_ = Phase::before;
  Meter meter_;
};

}  // namespace

Result echo_load(std::vector<test::Client>& clients, const std::string& request, std::size_t answer_size,
                 std::chrono::milliseconds warm_up, std::chrono::milliseconds duration, pid_t watched) {
  Loop loop(clients, request, std::vector<std::size_t>(clients.size(), answer_size));
  Window window(warm_up, duration, watched);
  std::vector<Clock::time_point> sent(clients.size(), Clock::now());
  for (std::size_t i = 0; i < clients.size(); ++i) loop.send(i);
  bool over = false;
  std::size_t on_their_way = clients.size();
  loop.run([&](std::size_t client) {
    const auto now = Clock::now();
    if (!over) {
      const auto phase = window.phase(now);
      over = phase == Window::Phase::after;
      if (phase == Window::Phase::inside) {
        window.result.latency.add(ns(now - sent[client]));
        ++window.result.messages;
      }
    }
    if (over) return --on_their_way != 0;  // the last answers, so that the clients can be used again
    sent[client] = now;
    loop.send(client);
    return true;
  });
  return std::move(window.result);
}

Result broadcast_load(std::vector<test::Client>& clients, const std::string& request, std::size_t answer_size,
                      std::size_t own_answer, std::chrono::milliseconds warm_up, std::chrono::milliseconds duration,
                      pid_t watched) {
  std::vector<std::size_t> answers(clients.size(), answer_size);
  answers.front() += own_answer;
  Loop loop(clients, request, std::move(answers));
  Window window(warm_up, duration, watched);
  auto sent = Clock::now();
  std::size_t missing = clients.size();
  loop.send(0);
  loop.run([&](std::size_t) {
    if (--missing != 0) return true;
    const auto now = Clock::now();
    const auto phase = window.phase(now);
    if (phase == Window::Phase::after) return false;
    if (phase == Window::Phase::inside) {
      window.result.latency.add(ns(now - sent));
      window.result.messages += clients.size();
    }
    missing = clients.size();
    sent = now;
    loop.send(0);
    return true;
  });
  return std::move(window.result);
}

}  // namespace cm::bench
