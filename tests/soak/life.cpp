// Lets robots live on a mesh of real processes while these die and change, and says whether anything was lost.
#include <gtest/gtest.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "soak/interrupt.hpp"
#include "soak/night.hpp"
#include "soak/robots.hpp"
#include "support/deployment.hpp"
#include "support/postgres.hpp"

namespace {

using namespace cm::soak;
using namespace cm::test;
namespace fs = std::filesystem;

constexpr seconds kLong{180};
constexpr seconds kBound{1800};  // of a run

struct Plan {
  std::vector<std::string> databases{"sqlite", "postgres"};
  std::uint64_t count = 2000;
  std::uint64_t seconds = 60;  // of play, at least
  bool faults = true;
};

Plan parse(int argc, char** argv) {
  Plan plan;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--no-faults") {
      plan.faults = false;
      continue;
    }
    const std::string_view text = i + 1 < argc ? argv[++i] : "";
    if (word == "--database") {
      if (text != "sqlite" && text != "postgres") throw std::runtime_error("--database is sqlite or postgres");
      plan.databases = {std::string(text)};
      continue;
    }
    if (word != "--count" && word != "--seconds") throw std::runtime_error("there is no " + std::string(word));
    std::uint64_t& to = word == "--count" ? plan.count : plan.seconds;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), to);
    if (ec != std::errc() || end != text.data() + text.size() || to == 0) {
      throw std::runtime_error(std::string(word) + " needs a number from 1 on");
    }
  }
  return plan;
}

// One run, on one kind of database.
class Life {
 public:
  Life(const Plan& plan, const std::string& database) : plan_(plan), database_(database) {
    if (database == "postgres") postgres_ = std::make_unique<PostgresServer>(PostgresServer::Disk::synced);
    Deployment::Options options;
    options.limits = true;
    if (postgres_) options.env["CELLMESH_DATABASE"] = postgres_->url();
    // Nobody comes to the last level, so that purchases go on to the end.
    std::string prices = "10";
    for (int i = 1; i < 200; ++i) prices += ", 10";
    options.settings = {{"game/prices", prices}};
    mesh_ = std::make_unique<Deployment>(Shape::consul, std::move(options));
    mesh_->add_host("game2", {"--plugins", "game", "--index", "1"}).await_ready();
    say("Consul, " + std::to_string(mesh_->hosts().size()) + " hosts and " +
        (postgres_ ? "PostgreSQL" : "a SQLite file") + " are up");
  }

  // What does not hold.
  std::vector<std::string> play() {
    const auto report = fs::path(CM_SOAK_REPORTS) / ("game-" + database_ + ".html");
    fs::create_directories(report.parent_path());
    const std::string uri = postgres_ ? postgres_->url() : "sqlite:" + (mesh_->folder() / "data.db").string();
    Robots robots({mesh_->login_address(), uri, report, plan_.count, kBound});
    std::vector<std::string> wrong;
    try {
      go_on_playing(robots, "the robots do not come in");
      say(std::to_string(plan_.count) + " robots play");
      const auto begun = robots.look().lines;
      if (plan_.faults) bring_faults(robots);
      const auto long_enough = [&] { return robots.look().lines >= begun + plan_.seconds || !robots.running(); };
      (void)await(long_enough, kBound);
      if (!robots.running()) throw std::runtime_error("the robots ended by themselves");
      say("the robots come to their end");
    } catch (const std::exception& e) {
      wrong.emplace_back(e.what());
      say(wrong.back());
    }
    robots.finish();
    if (!await([&] { return (robots.look(), !robots.running()); }, kLong)) wrong.emplace_back("the robots do not end");
    for (auto& one : robots.judge()) wrong.push_back(std::move(one));
    std::cout << "report: " << report.string() << '\n';
    return wrong;
  }

 private:
  void bring_faults(Robots& robots) {
    Night night(*mesh_, postgres_.get());
    for (const auto& fault : night.faults()) {
      say(fault.name);
      say("  " + fault.happen());
      go_on_playing(robots, "the robots do not go on after this");
      say("  the robots are in, and buy levels");
    }
  }

  // Until nine of ten are in for three lines, and some buy: who is cut off by the scenario is on the way back.
  void go_on_playing(Robots& robots, const std::string& otherwise) {
    const auto before = robots.look().lines;
    std::uint64_t last_bad = before;
    const bool there = await(
        [&] {
          const auto& now = robots.look();
          if (now.in * 10 < plan_.count * 9) last_bad = now.lines;
          return !robots.running() || (now.lines >= last_bad + 3 && now.purchases > before + 1);
        },
        kLong);
    if (!there || !robots.running()) throw std::runtime_error(otherwise);
  }

  void say(const std::string& text) const {
    std::printf("[%7.1f s]  %s\n", std::chrono::duration<double>(Clock::now() - begun_).count(), text.c_str());
    std::fflush(stdout);
  }

  const Plan& plan_;
  const std::string database_;
  const Clock::time_point begun_ = Clock::now();
  std::unique_ptr<PostgresServer> postgres_;
  std::unique_ptr<Deployment> mesh_;
};

bool run(const Plan& plan, const std::string& database) {
  std::cout << "--- " << database << ", " << plan.count << " robots, " << (plan.faults ? "with" : "without")
            << " faults" << std::endl;
  // A host that ends badly, or in which a sanitizer finds something, adds to it.
  const auto& hosts = testing::UnitTest::GetInstance()->ad_hoc_test_result();
  const int before = hosts.total_part_count();
  std::vector<std::string> wrong;
  {
    Life life(plan, database);
    wrong = life.play();
    for (const auto& one : wrong) std::cout << "WRONG: " << one << '\n';
    if (!wrong.empty()) ::setenv("CM_TEST_KEEP", "1", 1);  // the hosts' logs
  }
  const bool ok = wrong.empty() && hosts.total_part_count() == before;
  std::cout << database << (ok ? ": PASS" : ": FAIL") << std::endl;
  return ok;
}

}  // namespace

int main(int argc, char** argv) try {
  const Plan plan = parse(argc, argv);
  catch_interrupts();
  bool ok = true;
  for (const auto& database : plan.databases) ok = run(plan, database) && ok;
  return ok ? 0 : 1;
} catch (const Interrupted&) {
  std::cerr << "soak: interrupted; all that was started has ended\n";
  return 130;
} catch (const std::exception& e) {
  std::cerr << "soak: " << e.what() << '\n';
  return 1;
}
