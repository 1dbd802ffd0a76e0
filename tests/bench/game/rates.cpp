// What the game does a second: logins, levels, chat.
#include <array>
#include <iostream>

#include "bench/game/figures.hpp"
#include "bench/game/robots.hpp"
#include "bench/systems.hpp"
#include "bench/table.hpp"
#include "support/deployment.hpp"
#include "support/postgres.hpp"

namespace cm::bench {
namespace {

constexpr int kBuyers = 100;
constexpr int kGuests = 50;
constexpr int kAccounts = 20;

// Levels that never end, for coins that hardly do.
std::map<std::string, std::string> settings() {
  std::string prices = "1";
  for (int i = 1; i < 200; ++i) prices += ",1";
  return {{"game/prices", prices}, {"game/start_coins", "1000000"}, {"game/reward_step", "0"}};
}

constexpr std::array<const char*, 7> kKinds{"agent", "login", "game", "social", "data", "hub", "echo"};

std::vector<pid_t> processes(test::Deployment& mesh) {
  std::vector<pid_t> all;
  for (const char* kind : kKinds) all.push_back(mesh.host(kind).process().pid());
  return all;
}

constexpr int kComeIn = 6;  // seconds in which all are in, on a machine that has something else to do

Load load(const GamePlan& plan, test::Deployment& mesh, int count, const std::string& series, const std::string& set) {
  return {.count = static_cast<std::uint64_t>(count),
          .series = series,
          .words = {"--plugin", (test::shipped_plugins().parent_path() / "tests/plugins/bench_robot.so").string(),
                    "--login", mesh.login_address(), "--duration", std::to_string(plan.seconds + kComeIn) + "s",
                    "--set", set}};
}

Figure figure(const std::string& what, test::Deployment& mesh, const Played& played) {
  std::cerr << "  CPU us each:";
  for (const char* kind : kKinds) {
    const auto us = played.cpu_us.at(mesh.host(kind).process().pid());
    if (us >= 0.05) std::cerr << ' ' << kind << ' ' << number(us, 1);
  }
  std::cerr << '\n';
  return {.what = what,
          .ours = played.per_second,
          .unit = "/s",
          .p50_us = played.p50_us,
          .p99_us = played.p99_us,
          .cpu_us = played.all_cpu_us(),
          .peer = {},
          .theirs = {}};
}

void say(const std::string& what) { std::cerr << what << '\n'; }

Figure levels(const GamePlan& plan, test::Deployment& mesh, const std::string& database) {
  say("levels on " + database);
  const auto played = play(load(plan, mesh, kBuyers, "level-up", "mode=levels"), processes(mesh));
  return figure("levels bought, " + database + ", on disk, " + std::to_string(kBuyers) + " buyers", mesh, played);
}

}  // namespace

std::vector<Figure> rates(const GamePlan& plan) {
  say("a mesh of seven hosts on Consul, data in SQLite");
  test::Deployment mesh(test::Shape::consul, {.arguments = {}, .env = {}, .settings = settings()});
  const auto all = processes(mesh);
  std::vector<Figure> figures;
  say("logins, all at once");
  const auto in = storm(static_cast<std::uint64_t>(plan.storm),
                        {"--login", mesh.login_address(), "--scenario", "storm", "--duration", "15s"}, all);
  figures.push_back(
      figure("logins, " + std::to_string(plan.storm) + " guests at once, " + std::to_string(in.errors) + " refusals",
             mesh, in));
  say("logins, one after the other");
  figures.push_back(figure("logins, " + std::to_string(kGuests) + " guests in turns", mesh,
                           play(load(plan, mesh, kGuests, "enter", "mode=logins"), all)));
  figures.push_back(levels(plan, mesh, "SQLite"));
  say("chat");
  figures.push_back(figure("chat deliveries, " + std::to_string(plan.hearers) + " hearers", mesh,
                           play(load(plan, mesh, plan.hearers, "heard", "mode=chat,speakers=4"), all)));
  // At last: hashes that nobody waits for any more are still worked at for a while.
  say("logins of accounts");
  figures.push_back(figure("logins, " + std::to_string(kAccounts) + " accounts in turns (Argon2id)", mesh,
                           play(load(plan, mesh, kAccounts, "enter", "mode=logins,platform=password"), all)));
  return figures;
}

Figure levels_on_postgres(const GamePlan& plan) {
  say("the same mesh, data in PostgreSQL");
  test::PostgresServer postgres(test::PostgresServer::Disk::synced);
  test::Deployment mesh(
      test::Shape::consul,
      {.arguments = {}, .env = {{"CELLMESH_DATABASE", postgres.make_database()}}, .settings = settings()});
  return levels(plan, mesh, "PostgreSQL");
}

}  // namespace cm::bench
