#include "net/io_worker.hpp"

#include <ctime>

#include <chrono>
#include <condition_variable>
#include <utility>

#include <pthread.h>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

namespace cm::net {
namespace {

constexpr std::size_t kReadBuffer = 256U << 10U;
// Handlers run in one turn before the flush, so that a steady stream of input cannot hold answers back.
constexpr int kHandlersPerTurn = 512;
constexpr auto kTick = std::chrono::milliseconds(100);

std::int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

struct IoWorker::Impl {
  explicit Impl(boost::asio::io_context& context) : tick(context) {}

  std::thread thread;
  std::atomic<bool> stopping{false};
  std::atomic<std::thread::id> thread_id{};
  std::atomic<bool> running{false};

  std::mutex wake_mutex;  // guards woken
  std::vector<std::shared_ptr<Wakeable>> woken;

  // Worker only.
  std::vector<std::shared_ptr<Wakeable>> waking;
  std::vector<Flushable*> dirty_links;
  std::vector<Flushable*> dirty_sessions;
  std::vector<std::shared_ptr<void>> retired;
  std::vector<std::shared_ptr<void>> dying;
  boost::asio::steady_timer tick;
  struct Periodic {
    std::int64_t period_ms;
    std::int64_t due_ms;
    std::function<void()> fn;
  };
  std::vector<std::unique_ptr<Periodic>> periodic;

  void schedule_tick(IoWorker& worker) {
    tick.expires_after(kTick);
    tick.async_wait([this, &worker](const boost::system::error_code& ec) {
      if (ec) return;
      // By index: a callback may add another.
      for (std::size_t i = 0; i < periodic.size(); ++i) {
        Periodic& p = *periodic[i];
        if (worker.now_ms_ < p.due_ms) continue;
        p.due_ms = worker.now_ms_ + p.period_ms;
        p.fn();
      }
      schedule_tick(worker);
    });
  }
};

IoWorker::IoWorker(unsigned index)
    : index_(index),
      context_(1),
      read_buffer_(kReadBuffer),
      impl_(std::make_unique<Impl>(context_)),
      now_ms_(steady_ms()) {}

IoWorker::~IoWorker() { stop(); }

void IoWorker::start() {
  impl_->running = true;
  impl_->thread = std::thread([this] { run(); });
  pthread_setname_np(impl_->thread.native_handle(), ("io-" + std::to_string(index_)).c_str());
}

void IoWorker::stop() {
  if (!impl_->thread.joinable()) return;
  impl_->stopping = true;
  boost::asio::post(context_, [] {});
  impl_->thread.join();
  impl_->running = false;
}

bool IoWorker::on_this_thread() const {
  return impl_->thread_id.load(std::memory_order_relaxed) == std::this_thread::get_id();
}

bool IoWorker::running() const { return impl_->running; }

void IoWorker::post(std::function<void()> fn) { boost::asio::post(context_, std::move(fn)); }

void IoWorker::run_and_wait(const std::function<void()>& fn) {
  if (on_this_thread()) {
    fn();
    return;
  }
  std::mutex mutex;
  std::condition_variable done_cv;
  bool done = false;
  post([&] {
    fn();
    const std::lock_guard lock(mutex);
    done = true;
    done_cv.notify_one();
  });
  std::unique_lock lock(mutex);
  done_cv.wait(lock, [&] { return done; });
}

void IoWorker::wake(std::shared_ptr<Wakeable> target) {
  if (target->pending_.exchange(true, std::memory_order_acq_rel)) return;
  bool first = false;
  {
    const std::lock_guard lock(impl_->wake_mutex);
    first = impl_->woken.empty();
    impl_->woken.push_back(std::move(target));
  }
  if (!first) return;
  boost::asio::post(context_, [this] {
    {
      const std::lock_guard lock(impl_->wake_mutex);
      impl_->waking.swap(impl_->woken);
    }
    for (auto& woken : impl_->waking) {
      woken->pending_.store(false, std::memory_order_release);
      woken->on_wake();
    }
    for (auto& woken : impl_->waking) retire(std::move(woken));
    impl_->waking.clear();
  });
}

void IoWorker::mark_dirty(Flushable& target, FlushOrder order) {
  if (target.dirty_) return;
  target.dirty_ = true;
  (order == FlushOrder::link ? impl_->dirty_links : impl_->dirty_sessions).push_back(&target);
}

void IoWorker::retire(std::shared_ptr<void> object) { impl_->retired.push_back(std::move(object)); }

void IoWorker::every(std::int64_t period_ms, std::function<void()> fn) {
  impl_->periodic.push_back(
      std::make_unique<Impl::Periodic>(Impl::Periodic{period_ms, now_ms_ + period_ms, std::move(fn)}));
}

double IoWorker::cpu_seconds() const {
  if (!impl_->running) return 0;
  clockid_t clock = 0;
  timespec used{};
  if (pthread_getcpuclockid(impl_->thread.native_handle(), &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

void IoWorker::run() {
  impl_->thread_id = std::this_thread::get_id();
  const auto work = boost::asio::make_work_guard(context_);
  impl_->schedule_tick(*this);
  while (!impl_->stopping.load(std::memory_order_acquire)) {
    context_.run_one();
    now_ms_ = steady_ms();
    for (int i = 1; i < kHandlersPerTurn && context_.poll_one() != 0; ++i) {
    }
    turn_end();
  }
  impl_->tick.cancel();
  turn_end();
}

void IoWorker::turn_end() {
  // A flush may make others dirty (a closing session tells its backends over a link): go on until all are clean.
  while (!impl_->dirty_links.empty() || !impl_->dirty_sessions.empty()) {
    for (auto* list : {&impl_->dirty_links, &impl_->dirty_sessions}) {
      for (std::size_t i = 0; i < list->size(); ++i) {
        (*list)[i]->dirty_ = false;
        (*list)[i]->flush();
      }
      list->clear();
    }
  }
  // Destroying one may retire another.
  while (!impl_->retired.empty()) {
    impl_->dying.swap(impl_->retired);
    impl_->dying.clear();
  }
}

}  // namespace cm::net
