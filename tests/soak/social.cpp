// Lets robots talk on a mesh of two social services while the one that leads ends, and says whether anything was lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "soak/interrupt.hpp"
#include "soak/robots.hpp"
#include "support/deployment.hpp"

namespace {

using namespace cm::soak;
using namespace cm::test;
namespace fs = std::filesystem;

constexpr seconds kLong{120};
constexpr seconds kBound{600};  // of a round
constexpr milliseconds kRepeat{100};
constexpr milliseconds kGoal{3000};
constexpr milliseconds kUntilStopped{50};  // a process goes on for a moment after SIGSTOP

struct Plan {
  std::uint64_t rounds = 10;
  std::uint64_t count = 200;
};

Plan parse(int argc, char** argv) {
  Plan plan;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view word = argv[i], text = i + 1 < argc ? argv[i + 1] : "";
    if (word != "--rounds" && word != "--count") throw std::runtime_error("there is no " + std::string(word));
    std::uint64_t& to = word == "--rounds" ? plan.rounds : plan.count;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), to);
    if (ec != std::errc() || end != text.data() + text.size() || to == 0) {
      throw std::runtime_error(std::string(word) + " needs a number from 1 on");
    }
  }
  return plan;
}

// A player who says a line again and again, by the same id, until it is acknowledged.
class Talker {
 public:
  explicit Talker(Deployment& mesh) : client_(mesh.player()) {}

  // How long it took.
  milliseconds say() {
    const auto begun = Clock::now();
    proto::ChatREQ req;
    req.set_content("does anybody hear?");
    req.set_request_id("soak-" + std::to_string(++said_));
    std::optional<Clock::time_point> sent;
    while (Clock::now() - begun < kLong) {
      if (!sent || Clock::now() - *sent >= kRepeat) {
        client_.send(req);
        sent = Clock::now();
      }
      if (acknowledged(req.request_id())) return std::chrono::duration_cast<milliseconds>(Clock::now() - begun);
    }
    throw std::runtime_error("no line was acknowledged within " + std::to_string(kLong.count()) + " s");
  }

 private:
  bool acknowledged(const std::string& request_id) {
    try {
      const auto frame = client_.read(kRepeat / 2);
      if (!frame) throw std::logic_error("the agent closed the connection");
      if (!frame->is<proto::ChatDoneACK>()) return false;
      const auto done = frame->as<proto::ChatDoneACK>();
      return done.request_id() == request_id && done.result() == proto::NoError;
    } catch (const std::runtime_error&) {
      return false;  // nothing came
    }
  }

  Client client_;
  std::uint64_t said_ = 0;
};

class Failovers {
 public:
  explicit Failovers(const Plan& plan) : plan_(plan) {
    Deployment::Options options;
    options.limits = true;
    std::string prices = "10";
    for (int i = 1; i < 200; ++i) prices += ", 10";
    options.settings = {{"game/prices", prices}};
    mesh_.emplace(Shape::consul, std::move(options));
    mesh_->add_host("agent2", {"--plugins", "agent", "--index", "1"}).await_ready();
    mesh_->add_host("social2", {"--plugins", "social", "--index", "1"}).await_ready();
    say("Consul and " + std::to_string(mesh_->hosts().size()) + " hosts are up");
  }

  bool run() {
    bool ok = true;
    for (std::uint64_t round = 1; round <= plan_.rounds; ++round) {
      say("--- round " + std::to_string(round) + " of " + std::to_string(plan_.rounds));
      const auto wrong = play(round);
      for (const auto& one : wrong) std::cout << "WRONG: " << one << '\n';
      std::cout << "round " << round << (wrong.empty() ? ": PASS" : ": FAIL") << std::endl;
      ok = ok && wrong.empty();
    }
    for (auto* times : {&killed_, &stopped_, &hung_}) print(*times);
    if (!ok) ::setenv("CM_TEST_KEEP", "1", 1);  // the hosts' logs
    return ok;
  }

 private:
  struct Times {
    const char* what;
    std::vector<milliseconds> all = {};
  };

  std::vector<std::string> play(std::uint64_t round) {
    const auto report = fs::path(CM_SOAK_REPORTS) / ("social-" + std::to_string(round) + ".html");
    fs::create_directories(report.parent_path());
    const std::string uri = "sqlite:" + (mesh_->folder() / "data.db").string();
    Robots robots({mesh_->login_address(), uri, report, plan_.count, kBound,
                   "channel_ms=3000,private_ms=3000,world_per_sec=5,cut_ms=10000"});
    std::vector<std::string> wrong;
    try {
      go_on_playing(robots);
      Talker talker(*mesh_);
      talker.say();
      end_leader(round, talker);
      go_on_playing(robots);
      for (const char* host : {"social", "social2"}) {
        const auto done = mesh_->host(host).ctl({"reload", "social"});
        if (done.code != 0) throw std::runtime_error("the reload of social is refused: " + done.output);
      }
      say("  both were reloaded; a line took " + std::to_string(talker.say().count()) + " ms");
      end_leader(round + 1, talker);
      go_on_playing(robots);
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& e) {
      wrong.emplace_back(e.what());
    }
    robots.finish();
    if (!await([&] { return (robots.look(), !robots.running()); }, kLong)) wrong.emplace_back("the robots do not end");
    for (auto& one : robots.judge()) wrong.push_back(std::move(one));
    return wrong;
  }

  // It comes back, and follows.
  void end_leader(std::uint64_t how, Talker& talker) {
    const std::string name = leader();
    auto& host = mesh_->host(name);
    if (how % 4 == 3) {
      host.process().signal(SIGSTOP);
      std::this_thread::sleep_for(kUntilStopped);
      took(hung_, name + " hangs", talker);
      host.process().signal(SIGCONT);
    } else if (how % 4 == 1) {
      host.begin_stop();
      took(stopped_, name + " is stopped", talker);
      if (const int code = host.stop(); code != 0)
        throw std::runtime_error(name + " ended with " + std::to_string(code));
      host.start();
    } else {
      host.kill9();
      took(killed_, name + " is killed", talker);
      static_cast<void>(host.process().wait());
      host.start();
    }
    host.await_ready(kLong);
    if (!await([&] { return leader() != name; }, kLong)) throw std::runtime_error(name + " leads again");
    say("  it is back, a line took " + std::to_string(talker.say().count()) + " ms");
  }
  void took(Times& times, const std::string& what, Talker& talker) {
    times.all.push_back(talker.say());
    say("  " + what + ": a line was acknowledged after " + std::to_string(times.all.back().count()) + " ms");
  }

  // The host of the social service that has players: the other one tells a load beyond all bounds.
  std::string leader() {
    std::string found;
    const bool one = await(
        [&] {
          const auto rows = mesh_->host("agent").query({"services", "social"});
          int count = 0;
          for (const auto& row : rows.as_array()) {
            if (row.at("users").is_null() || row.at("users").to_number<std::uint64_t>() > 1'000'000) continue;
            found = row.at("id").as_string() == "social#0@dev" ? "social" : "social2";
            ++count;
          }
          return count == 1;
        },
        kLong);
    if (!one) throw std::runtime_error("no social service leads");
    return found;
  }

  // Until nine of ten are in for two lines: who is cut off by the scenario is on the way back.
  void go_on_playing(Robots& robots) {
    std::uint64_t last_bad = robots.look().lines;
    const bool there = await(
        [&] {
          const auto& now = robots.look();
          if (now.in * 10 < plan_.count * 8) last_bad = now.lines;
          return !robots.running() || now.lines >= last_bad + 2;
        },
        kLong);
    if (!there || !robots.running()) throw std::runtime_error("the robots do not go on");
  }

  static void print(Times& times) {
    auto& all = times.all;
    if (all.empty()) return;
    std::sort(all.begin(), all.end());
    std::printf(
        "the leader %s, %zu times, until a line was acknowledged: least %lld ms, median %lld ms, most %lld ms; %s\n",
        times.what, all.size(), static_cast<long long>(all.front().count()),
        static_cast<long long>(all[all.size() / 2].count()), static_cast<long long>(all.back().count()),
        all.back() <= kGoal ? "within 3 s" : "LATER THAN 3 s");
  }
  void say(const std::string& text) const {
    std::printf("[%7.1f s]  %s\n", std::chrono::duration<double>(Clock::now() - begun_).count(), text.c_str());
    std::fflush(stdout);
  }

  const Plan plan_;
  const Clock::time_point begun_ = Clock::now();
  std::optional<Deployment> mesh_;
  Times killed_{"was killed"}, stopped_{"was stopped"}, hung_{"hung"};
};

}  // namespace

int main(int argc, char** argv) try {
  const Plan plan = parse(argc, argv);
  catch_interrupts();
  const auto& hosts = testing::UnitTest::GetInstance()->ad_hoc_test_result();
  const int before = hosts.total_part_count();
  bool ok = false;
  {
    Failovers failovers(plan);
    ok = failovers.run();
  }
  ok = ok && hosts.total_part_count() == before;  // a host that ended badly adds to it
  std::cout << (ok ? "PASS" : "FAIL") << std::endl;
  return ok ? 0 : 1;
} catch (const cm::soak::Interrupted&) {
  std::cerr << "soak: interrupted; all that was started has ended\n";
  return 130;
} catch (const std::exception& e) {
  std::cerr << "soak: " << e.what() << '\n';
  return 1;
}
