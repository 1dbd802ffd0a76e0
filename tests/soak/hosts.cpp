// Many hosts on one machine and one Consul with its default limits: how soon all are known, a new service is known
// everywhere, and what that costs.
#include <unistd.h>
#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "admin/client.hpp"
#include "support/consul.hpp"
#include "support/host.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace cm::test;
namespace json = boost::json;

constexpr std::size_t kAgent = 2;   // its place among the hosts: hub, data, agent, then games
constexpr std::size_t kOthers = 3;  // hosts before the games
constexpr std::size_t kAtOnce = 6;  // hosts that start
constexpr double kKnownWithin = 10;
constexpr double kNewWithin = 2;
constexpr std::size_t kLimit = 200;  // Consul's default, of connections from one address

struct Plan {
  std::size_t count = 150;
  std::size_t idle = 20;  // seconds
};

Plan parse(int argc, char** argv) {
  Plan plan;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view word = argv[i];
    const std::string_view text = argv[i + 1];
    if (word != "--count" && word != "--idle") throw std::runtime_error("there is no " + std::string(word));
    std::size_t& to = word == "--count" ? plan.count : plan.idle;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), to);
    if (ec != std::errc() || end != text.data() + text.size() || to < 5 || to > 1000)
      throw std::runtime_error(std::string(word) + " needs a number from 5 to 1000");
  }
  return plan;
}

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

double cpu_seconds(pid_t pid) {
  const std::string text = read_file("/proc/" + std::to_string(pid) + "/stat");
  std::istringstream words(text.substr(text.rfind(')') + 1));
  std::vector<std::string> all{std::istream_iterator<std::string>(words), {}};
  if (all.size() < 13) return 0;
  return static_cast<double>(std::stoull(all[11]) + std::stoull(all[12])) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

// Established connections to a loopback port.
std::size_t connections_to(std::uint16_t port) {
  std::array<char, 16> peer{};
  std::snprintf(peer.data(), peer.size(), "0100007F:%04X", port);
  std::ifstream table("/proc/net/tcp");
  std::size_t count = 0;
  for (std::string line; std::getline(table, line);) {
    std::istringstream words(line);
    std::string slot, local, remote, state;
    words >> slot >> local >> remote >> state;
    if (remote == peer.data() && state == "01") ++count;
  }
  return count;
}

class Soak {
 public:
  explicit Soak(Plan plan) : plan_(plan), consul_(std::make_unique<ConsulServer>()) {}
  ~Soak() {
    for (auto& host : hosts_) host->begin_stop();
  }
  Soak(const Soak&) = delete;
  Soak& operator=(const Soak&) = delete;

  bool run() {
    start();
    const auto begin = Clock::now();
    row("all known to all", await_all({"hub#0@dev", "data#0@dev", "agent#0@dev"}, begin), kKnownWithin);
    figures();
    // A service that all of them look for.
    auto& hub = launch("hub-1", "hub", 1);
    const bool registered = hub.wait_for_log("registered in Consul service=hub#1@dev", seconds(60));
    if (!registered) throw std::runtime_error("the second hub is not registered:\n" + tail(hub.log()));
    row("a new service known to all", await_all({"hub#1@dev"}, Clock::now()), kNewWithin);
    lose_consul();
    check_logs();
    return good_;
  }

 private:
  Host& launch(const std::string& name, const std::string& plugins, std::size_t index) {
    hosts_.push_back(
        std::make_unique<Host>(Host::Options{.folder = folder_ / name,
                                             .arguments = {"--consul", consul_->url(), "--plugins", plugins, "--index",
                                                           std::to_string(index), "--io-workers", "1"},
                                             .env = {}}));
    return *hosts_.back();
  }

  void start() {
    const auto begin = Clock::now();
    for (const char* plugin : {"hub", "data", "agent"}) launch(plugin, plugin, 0);
    std::size_t ready = 0;
    std::size_t most = 0;
    while (hosts_.size() < plan_.count || ready < hosts_.size()) {
      while (hosts_.size() < plan_.count && hosts_.size() - ready < kAtOnce) {
        const std::size_t index = hosts_.size() - kOthers;
        launch("game-" + std::to_string(index), "game", index);
      }
      hosts_[ready]->await_ready(seconds(180));
      ++ready;
      most = std::max(most, connections_to(consul_->port()));
      std::fprintf(stderr, "\r%zu of %zu hosts are up, %zu connections to Consul ", ready, plan_.count,
                   connections_to(consul_->port()));
    }
    std::fprintf(stderr, "\n");
    std::printf("%zu hosts, %zu kinds, up after %.0f s; at most %zu connections to Consul, whose limit is %zu\n",
                hosts_.size(), std::size_t{4}, seconds_since(begin), most, kLimit);
  }

  // How long until every game shows these services, and the agent the hubs of them and all games; negative: not in
  // time.
  double await_all(const std::vector<std::string>& ids, Clock::time_point begin) {
    std::vector<std::string> of_agent;
    for (const auto& id : ids) {
      if (id.starts_with("hub#")) of_agent.push_back(id);
    }
    for (std::size_t i = 0; i + kOthers < plan_.count; ++i) of_agent.push_back("game#" + std::to_string(i) + "@dev");
    for (std::size_t i = kAgent; i < plan_.count;) {
      if (knows(*hosts_[i], i == kAgent ? of_agent : ids)) {
        ++i;
        continue;
      }
      if (seconds_since(begin) > 120) {
        std::printf("not known to %s\n", hosts_[i]->admin_socket().c_str());
        return -1;
      }
      std::this_thread::sleep_for(milliseconds(50));
    }
    return seconds_since(begin);
  }

  static bool knows(const Host& host, const std::vector<std::string>& ids) {
    const auto answer = cm::admin::ask(host.admin_socket().string(), "services", {}, seconds(10));
    if (!answer) return false;
    const std::string text = json::serialize(*answer);
    return std::all_of(ids.begin(), ids.end(),
                       [&](const auto& id) { return text.find('"' + id + '"') != std::string::npos; });
  }

  void figures() {
    const double consul_before = cpu_seconds(consul_->process().pid());
    double hosts_before = 0;
    for (const auto& host : hosts_) hosts_before += cpu_seconds(host->process().pid());
    const auto begin = Clock::now();
    std::size_t most = 0;
    double sum = 0;
    int samples = 0;
    while (seconds_since(begin) < static_cast<double>(plan_.idle)) {
      std::this_thread::sleep_for(milliseconds(100));
      const auto now = connections_to(consul_->port());
      most = std::max(most, now);
      sum += static_cast<double>(now);
      ++samples;
    }
    double hosts_after = 0;
    for (const auto& host : hosts_) hosts_after += cpu_seconds(host->process().pid());
    const double time = seconds_since(begin);
    std::printf(
        "idle: %.1f connections to Consul on the average, at most %zu; CPU a second: Consul %.0f ms, a host %.2f ms\n",
        sum / std::max(samples, 1), most, (cpu_seconds(consul_->process().pid()) - consul_before) / time * 1000,
        (hosts_after - hosts_before) / time * 1000 / static_cast<double>(hosts_.size()));
  }

  // It comes back empty, to all of them at once.
  void lose_consul() {
    consul_->kill9();
    std::this_thread::sleep_for(seconds(2));
    consul_->start();
    const auto begin = Clock::now();
    std::size_t listed = 0;
    const bool back = wait_until(
        [&] {
          std::string all = consul_->get("/v1/health/service/game?passing=1");
          std::erase(all, ' ');
          listed = 0;
          for (auto at = all.find("\"ID\":\"game#"); at != std::string::npos; at = all.find("\"ID\":\"game#", at + 1))
            ++listed;
          return listed >= plan_.count - kOthers;
        },
        seconds(120));
    row("all registered again in a Consul that came back empty", back ? seconds_since(begin) : -1, kKnownWithin);
    if (!back) std::printf("it lists %zu\n", listed);
  }

  void check_logs() {
    std::size_t refused = 0;
    for (const auto& host : hosts_) {
      if (host->log().find("refuses connections") != std::string::npos) ++refused;
    }
    std::printf("hosts that Consul refused a connection: %zu\n", refused);
    if (refused > 0) good_ = false;
  }

  void row(const std::string& what, double took, double within) {
    const bool holds = took >= 0 && took <= within;
    std::printf("%-55s %6.1f s (%.0f)  %s\n", what.c_str(), took, within, holds ? "good" : "TOO LATE");
    std::fflush(stdout);
    good_ = good_ && holds;
  }

  const Plan plan_;
  const TempDir folder_;
  std::unique_ptr<ConsulServer> consul_;
  std::vector<std::unique_ptr<Host>> hosts_;  // hub, data, agent, then games
  bool good_ = true;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    Soak soak(parse(argc, argv));
    const bool good = soak.run();
    std::cout << (good ? "PASS" : "FAIL") << std::endl;
    return good ? 0 : 1;
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
}
