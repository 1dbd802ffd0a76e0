#include "net/io_worker.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <string>

namespace cm::net {
namespace {

class Counter : public Wakeable {
 public:
  void on_wake() override {
    const std::lock_guard lock(mutex);
    ++wakes;
    cv.notify_all();
  }
  void wait_for(int n) {
    std::unique_lock lock(mutex);
    cv.wait(lock, [&] { return wakes >= n; });
  }
  std::mutex mutex;
  std::condition_variable cv;
  int wakes = 0;
};

TEST(IoWorker, AWakeRunsOnTheWorker) {
  IoWorker worker(0);
  worker.start();
  const auto counter = std::make_shared<Counter>();
  worker.wake(counter);
  counter->wait_for(1);
  worker.wake(counter);
  counter->wait_for(2);
}

TEST(IoWorker, ManyWakesBeforeItRunsAreOne) {
  IoWorker worker(0);
  const auto counter = std::make_shared<Counter>();
  for (int i = 0; i < 100; ++i) worker.wake(counter);
  worker.start();
  worker.run_and_wait([] {});
  EXPECT_EQ(counter->wakes, 1);
}

class Log : public Flushable {
 public:
  Log(std::string name, std::string& out) : name_(std::move(name)), out_(out) {}
  ~Log() override { out_ += "~" + name_; }
  void flush() override { out_ += name_; }

 private:
  std::string name_;
  std::string& out_;
};

TEST(IoWorker, ATurnEndsWithLinksThenSessionsThenTheRetired) {
  std::string out;
  IoWorker worker(0);
  worker.start();
  worker.run_and_wait([&] {
    auto session = std::make_shared<Log>("s", out);
    auto link = std::make_shared<Log>("l", out);
    worker.mark_dirty(*session, IoWorker::FlushOrder::session);
    worker.mark_dirty(*link, IoWorker::FlushOrder::link);
    worker.mark_dirty(*link, IoWorker::FlushOrder::link);
    worker.retire(session);
    worker.retire(link);
    out += "h";
  });
  worker.run_and_wait([] {});
  worker.stop();
  EXPECT_TRUE(out == "hls~s~l" || out == "hls~l~s") << out;
}

TEST(IoWorker, PeriodicWorkRunsOnTheWorker) {
  IoWorker worker(0);
  std::atomic<int> runs{0};
  std::atomic<bool> right_thread{true};
  worker.every(100, [&] {
    if (!worker.on_this_thread()) right_thread = false;
    ++runs;
    runs.notify_all();
  });
  worker.start();
  for (int seen = 0; seen < 2; seen = runs) runs.wait(seen);
  worker.stop();
  EXPECT_TRUE(right_thread);
}

TEST(IoWorker, StopEndsABusyLoop) {
  IoWorker worker(0);
  worker.start();
  std::function<void()> again = [&] { worker.post(again); };
  worker.post(again);
  worker.run_and_wait([] {});
  worker.stop();
  EXPECT_FALSE(worker.on_this_thread());
}

}  // namespace
}  // namespace cm::net
