// What is left in the process when its services are gone.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <thread>

#include "check/barrages.hpp"
#include "check/heap.hpp"
#include "check/test.hpp"

namespace cm::check {
namespace {

namespace fs = std::filesystem;

std::ptrdiff_t threads_now() { return std::distance(fs::directory_iterator("/proc/self/task"), {}); }

// What each descriptor is open on, but for the one with which they are listed.
std::map<std::string, std::string> descriptors_now() {
  const std::string listed = "/proc/" + std::to_string(::getpid()) + "/fd";
  std::map<std::string, std::string> open;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code ec;
    const auto target = fs::read_symlink(entry.path(), ec);
    if (!ec && target != listed) open.emplace(entry.path().filename(), target);
  }
  return open;
}

// One life of each kind, one after the other.
void live_once(Subject& subject, ServiceOptions options = {.judge = Judge::nothing}) {
  for_each_running(subject, options, [](Service& service) {
    valid_messages(service);
    let_it_work(service);
    service.stop();
    service.destroy();
  });
}

void threads(Subject& subject) {
  const auto before = threads_now();
  live_once(subject);
  // One that was joined is still in the list for a moment.
  for (int patience = 0; threads_now() > before; ++patience) {
    if (patience == 2000) {
      throw Failed(std::to_string(threads_now() - before) + " threads of it run on after its services were destroyed");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void descriptors(Subject& subject) {
  (void)subject.kinds();
  const auto before = descriptors_now();
  live_once(subject);
  for (const auto& [name, target] : descriptors_now()) {
    if (before.contains(name)) continue;
    throw Failed("the descriptor " + name + " (" + target + ") is open after its services were destroyed");
  }
}

void processes(Subject& subject) {
  live_once(subject);
  int status = 0;
  if (::waitpid(-1, &status, WNOHANG) >= 0) throw Failed("it left a child process, which nobody waits for");
}

void memory(Subject& subject) {
  static constexpr int kLives = 20;
  static constexpr std::size_t kAllowed = 32;
  const auto lives = [&] {
    for (int life = 0; life < kLives; ++life) {
      for_each_running(subject, {.judge = Judge::nothing}, [](Service& service) {
        empty_messages(service);
        service.stop();
        service.destroy();
      });
    }
  };
  const std::size_t bytes = left_on_heap([&] { on_own_thread(lives); }) / kLives;
  if (bytes > kAllowed) throw Failed("each life of its services left " + std::to_string(bytes) + " bytes");
}

}  // namespace

std::vector<Test> leak_tests() {
  return {
      {"leak.threads", "No thread runs in a library that is to be unloaded.", "join its threads before destroy returns",
       after_barrages(), threads},
      {"leak.descriptors", "A host that reloads for months does not run out of descriptors.",
       "close in destroy what it opened, and open with O_CLOEXEC", after_barrages(), descriptors},
      {"leak.processes", "A host is not left with processes that it knows nothing of.",
       "wait for its child processes before destroy returns", after_barrages(), processes},
      {"leak.memory",
       "A host that starts and stops services for months does not grow.",
       "free in destroy what create and start allocated",
       {"leak.threads"},
       memory,
       std::chrono::seconds(30)},
  };
}

}  // namespace cm::check
