#include <cellmesh/abi/plugin.h>
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <link.h>

#include <array>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string_view>
#include <thread>

#include "client.pb.h"
#include "probe.hpp"

namespace cm::test {
namespace {

using ::testing::ElementsAre;

std::mutex words_mutex;
std::vector<std::string> words;
void note(const char* word) {
  const std::lock_guard lock(words_mutex);
  words.emplace_back(word);
}
std::vector<std::string> take_words() {
  const std::lock_guard lock(words_mutex);
  return std::exchange(words, {});
}

bool mapped(std::string_view file) {
  const auto same = [](dl_phdr_info* info, std::size_t, void* wanted) {
    return static_cast<int>(std::string_view(info->dlpi_name).ends_with(*static_cast<std::string_view*>(wanted)));
  };
  return dl_iterate_phdr(same, &file) != 0;
}

// A thread that does what it is told and then waits, as a service thread does.
class Worker {
 public:
  Worker() : thread_([this] { run(); }) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() { end(); }

  void do_now(std::function<void()> work) {
    std::unique_lock lock(mutex_);
    work_ = std::move(work);
    changed_.notify_all();
    changed_.wait(lock, [&] { return !work_; });
  }
  void end() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return work_ || ended_; });
      if (!work_) return;
      work_();
      work_ = nullptr;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> work_;
  bool ended_ = false;
  std::thread thread_;
};

class Unload : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_NE(dlopen(PROTOBUF_LITE, RTLD_NOW | RTLD_GLOBAL), nullptr) << dlerror(); }

  void SetUp() override {
    take_words();
    library_ = dlopen(PROBE_PLUGIN, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library_, nullptr) << dlerror();
    const auto* plugin = static_cast<const cm_plugin*>(dlsym(library_, CM_PLUGIN_SYMBOL));
    ASSERT_NE(plugin, nullptr);
    probe_ = static_cast<const Probe*>(plugin->kinds[0]->get_extension(nullptr, kProbe));
    ASSERT_NE(probe_, nullptr);
    probe_->note_to(&note);
  }
  void TearDown() override {
    if (library_ != nullptr) close();
  }

  void close() {
    ASSERT_TRUE(mapped("codegen_probe.so"));
    ASSERT_EQ(dlclose(std::exchange(library_, nullptr)), 0);
    EXPECT_FALSE(mapped("codegen_probe.so")) << "something keeps it loaded";
  }

  void* library_ = nullptr;
  const Probe* probe_ = nullptr;
};

TEST_F(Unload, ReallyUnmapsAnUnusedPlugin) { close(); }

TEST_F(Unload, ReallyUnmapsAfterTemplatesAndMessagesWereUsed) {
  Worker worker;
  worker.do_now([&] {
    EXPECT_EQ(probe_->use_templates("hello"), 4U);
    EXPECT_TRUE(probe_->use_messages());
  });
  close();
}

TEST_F(Unload, DestroysStaticsInReverseBehindTheAuthorsEnd) {
  probe_->touch_static();
  close();
  EXPECT_THAT(take_words(), ElementsAre("author's end", "atexit ran", "static on demand gone", "second static gone",
                                        "first static gone"));
}

TEST_F(Unload, DestroysThreadLocalsOfThreadsThatLiveOn) {
  Worker worker;
  worker.do_now(probe_->touch_thread_local);
  close();
  EXPECT_THAT(take_words(), ElementsAre("local made", "author's end", "late made", "local gone", "late gone",
                                        "second static gone", "first static gone"));
  worker.end();
  EXPECT_THAT(take_words(), ElementsAre()) << "the thread's end called into a library that is gone";
}

TEST_F(Unload, LeavesThreadLocalsOfAnEndingThreadToThatThread) {
  Worker worker;
  worker.do_now(probe_->touch_thread_local);
  worker.end();
  EXPECT_THAT(take_words(), ElementsAre("local made", "late made", "local gone", "late gone"));
  close();
  EXPECT_THAT(take_words(), ElementsAre("author's end", "second static gone", "first static gone"));
}

TEST_F(Unload, DestroysThreadLocalsOfManyThreads) {
  std::array<Worker, 8> workers;
  for (auto& worker : workers) worker.do_now(probe_->touch_thread_local);
  for (const std::size_t ended : {2U, 7U, 0U}) workers.at(ended).end();
  close();
  const auto said = take_words();
  EXPECT_EQ(std::count(said.begin(), said.end(), "local made"), 8);
  EXPECT_EQ(std::count(said.begin(), said.end(), "local gone"), 8);
}

TEST_F(Unload, GivesBackItsThreadKey) {
  Worker worker;
  for (int i = 0; i < 2 * PTHREAD_KEYS_MAX; ++i) {
    worker.do_now(probe_->touch_thread_local);
    close();
    const auto said = take_words();
    ASSERT_EQ(std::count(said.begin(), said.end(), "local gone"), 1) << "reload " << i;
    SetUp();
  }
}

TEST_F(Unload, KeepsThePluginsClassesApartFromTheHosts) {
  proto::ServerInfo info;
  info.set_port(9);
  EXPECT_TRUE(probe_->use_messages());
  EXPECT_EQ(info.ShortDebugString(), "port: 9") << "the host's are of the full runtime";
}

}  // namespace
}  // namespace cm::test
