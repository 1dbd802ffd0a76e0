#include "plugin/blocking_pool.hpp"

#include <deque>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

namespace cm::plugin {
namespace {

constexpr std::chrono::seconds kStopTimeout{5};

cm_status append(cm_job_output* output, const uint8_t* data, size_t size) {
  if (output == nullptr || output->host_data == nullptr || (data == nullptr && size != 0)) return CM_INVALID;
  auto& bytes = *static_cast<std::string*>(output->host_data);
  if (size > CM_MAX_SERVICE_BODY - bytes.size()) return CM_TOO_LARGE;
  if (size == 0) return CM_OK;
  try {
    bytes.append(reinterpret_cast<const char*>(data), size);
  } catch (const std::bad_alloc&) {
    return CM_TOO_LARGE;
  }
  return CM_OK;
}

JobResult run(const Job& job) {
  JobResult result{job.handler, job.cookie, CM_FAULT, {}, {}};
  cm_job_output output{&result.output, &append};
  try {
    result.status = job.work(reinterpret_cast<const uint8_t*>(job.input.data()), job.input.size(), &output);
  } catch (const std::exception& e) {
    result.fault = std::string("an exception left the job: ") + e.what();
  } catch (...) {
    result.fault = "an exception of an unknown type left the job";
  }
  return result;
}

}  // namespace

void JobGate::enter() {
  const std::lock_guard lock(mutex_);
  ++inside_;
}

void JobGate::leave() {
  const std::lock_guard lock(mutex_);
  if (--inside_ == 0) changed_.notify_all();
}

bool JobGate::wait_empty(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] { return inside_ == 0; });
}

std::size_t JobGate::inside() const {
  const std::lock_guard lock(mutex_);
  return inside_;
}

struct BlockingPool::State {
  explicit State(Limits l) : limits(l) {}
  const Limits limits;
  std::mutex mutex;  // guards all below
  std::condition_variable work;
  std::condition_variable ended;
  std::deque<Job> queue;
  std::size_t bytes = 0;
  unsigned threads = 0;
  unsigned idle = 0;
  bool stopping = false;

  static void serve(const std::shared_ptr<State>& state);
};

BlockingPool::BlockingPool(Limits limits) : state_(std::make_shared<State>(limits)) {}

BlockingPool::~BlockingPool() {
  std::deque<Job> dropped;
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  dropped.swap(state_->queue);
  state_->work.notify_all();
  state_->ended.wait_for(lock, kStopTimeout, [&] { return state_->threads == 0; });
  lock.unlock();
  for (const auto& job : dropped) job.gate->leave();
}

bool BlockingPool::submit(Job job) {
  auto& s = *state_;
  const std::lock_guard lock(s.mutex);
  const std::size_t size = job.input.size();
  if (s.stopping || s.queue.size() >= s.limits.jobs || s.bytes + size > s.limits.bytes) return false;
  if (s.idle <= s.queue.size() && s.threads < s.limits.threads) {
    try {
      std::thread([state = state_] { State::serve(state); }).detach();
      ++s.threads;
    } catch (const std::system_error&) {
      if (s.threads == 0) return false;  // no thread can be made now
    }
  }
  job.gate->enter();
  s.bytes += size;
  s.queue.push_back(std::move(job));
  s.work.notify_one();
  return true;
}

void BlockingPool::cancel(const std::shared_ptr<JobGate>& gate) {
  std::vector<Job> dropped;
  {
    const std::lock_guard lock(state_->mutex);
    std::deque<Job> rest;
    for (auto& job : state_->queue) {
      if (job.gate != gate) {
        rest.push_back(std::move(job));
        continue;
      }
      state_->bytes -= job.input.size();
      dropped.push_back(std::move(job));
    }
    state_->queue.swap(rest);
  }
  for (const auto& job : dropped) job.gate->leave();
}

void BlockingPool::State::serve(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  for (;;) {
    ++state->idle;
    state->work.wait(lock, [&] { return state->stopping || !state->queue.empty(); });
    --state->idle;
    if (state->stopping) break;
    Job job = std::move(state->queue.front());
    state->queue.pop_front();
    state->bytes -= job.input.size();
    lock.unlock();
    job.result_to->job_done(run(job));
    job.gate->leave();  // the last: the plugin may be unloaded from here on
    job = {};
    lock.lock();
  }
  --state->threads;
  state->ended.notify_all();
}

}  // namespace cm::plugin
