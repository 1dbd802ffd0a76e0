// What a client costs the agent's host by each transport, beside haproxy that ends TLS before a plain one.
#include <algorithm>
#include <iostream>
#include <memory>

#include "bench/game/figures.hpp"
#include "bench/game/robots.hpp"
#include "bench/meter.hpp"
#include "bench/systems.hpp"
#include "support/deployment.hpp"

namespace cm::bench {
namespace {

constexpr int kPlayers = 50;  // of round trips
constexpr int kWarm = 50;     // that come before memory is counted: what is there once is not a client's
constexpr unsigned kGatewayCore = 0;

struct Way {
  std::string name;
  std::string url;
  std::vector<pid_t> pids;  // of what stands between client and service
};

// The agent's ways, and those through haproxy, which ends TLS.
class World {
 public:
  explicit World(const GamePlan& plan)
      : mesh_(test::Shape::consul,
              {.arguments = {"--io-workers", "1"}, .env = {}, .tokens = false, .transports = "tcp,ws,tls,wss"}),
        agent_(mesh_.host("agent").process().pid()),
        before_tcp_(port("tcp"), plan.idle + 500, certificate()),
        before_ws_(port("ws"), plan.idle + 500, certificate()) {
    if (cores() > 1) {
      pin(::getpid(), 1);
      for (test::Host* host : mesh_.hosts()) pin(host->process().pid(), cores() > 2 ? 2 : 1);
    }
    pin(agent_, kGatewayCore);
  }

  [[nodiscard]] Way own(const std::string& transport) { return {transport, mesh_.url("agent", transport), {agent_}}; }
  [[nodiscard]] Way haproxys(const std::string& transport) {
    const Haproxy& haproxy = transport == "tls" ? before_tcp_ : before_ws_;
    return {"haproxy, " + transport, transport + "://127.0.0.1:" + haproxy.port(), {agent_, haproxy.pid()}};
  }
  [[nodiscard]] std::string ca() const { return certificate().certificate.string(); }

 private:
  [[nodiscard]] std::string port(const std::string& transport) {
    std::string url = mesh_.url("agent", transport);
    if (url.ends_with('/')) url.pop_back();
    return url.substr(url.rfind(':') + 1);
  }
  [[nodiscard]] Haproxy::Tls certificate() const { return {mesh_.folder() / "cert.pem", mesh_.folder() / "key.pem"}; }

  test::Deployment mesh_;
  const pid_t agent_;
  Haproxy before_tcp_;
  Haproxy before_ws_;
};

std::vector<std::string> words(const World& world, const Way& way, const std::string& mode) {
  return {"--plugin", (test::shipped_plugins().parent_path() / "tests/plugins/bench_robot.so").string(),
          "--ca",     world.ca(),
          "--set",    "mode=" + mode + ",url=" + way.url};
}

double median(std::vector<double> all) {
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

// Medians of rounds in turns.
std::vector<Figure> trips(const GamePlan& plan, World& world) {
  const std::vector<Way> ways{world.own("tcp"), world.own("ws"),       world.own("tls"),
                              world.own("wss"), world.haproxys("tls"), world.haproxys("wss")};
  std::vector<std::vector<Played>> played(ways.size());
  for (int round = 0; round < plan.rounds; ++round) {
    std::cerr << "round trips, round " << round + 1 << " of " << plan.rounds << '\n';
    for (std::size_t i = 0; i < ways.size(); ++i) {
      Load load{.count = kPlayers, .series = "trip", .words = words(world, ways[i], "echo")};
      load.words.insert(load.words.end(), {"--duration", std::to_string(std::max(3, plan.seconds)) + "s"});
      played[i].push_back(play(load, ways[i].pids));
    }
  }
  const auto middle = [&](std::size_t i, auto&& of) {
    std::vector<double> all;
    for (const Played& one : played[i]) all.push_back(of(one));
    return median(all);
  };
  const auto cpu = [&](std::size_t i) { return middle(i, [](const Played& one) { return one.all_cpu_us(); }); };
  std::vector<Figure> figures;
  for (std::size_t i = 0; i < 4; ++i) {
    Figure figure{.what = "CPU of a round trip by " + ways[i].name,
                  .ours = cpu(i),
                  .unit = "us",
                  .p50_us = middle(i, [](const Played& one) { return one.p50_us; }),
                  .p99_us = middle(i, [](const Played& one) { return one.p99_us; }),
                  .cpu_us = {},
                  .peer = {},
                  .theirs = {}};
    if (i >= 2) {
      figure.peer = "haproxy + our " + ways[i - 2].name;
      figure.theirs = cpu(i + 2);
    }
    figures.push_back(std::move(figure));
  }
  for (std::size_t i = 0; i < ways.size(); ++i) {
    std::cerr << "  " << ways[i].name << ": " << middle(i, [](const Played& one) { return one.per_second; })
              << " round trips/s\n";
  }
  return figures;
}

std::uint64_t memory(const Way& way) {
  std::uint64_t sum = 0;
  for (const pid_t pid : way.pids) sum += Meter::own_memory(pid);
  return sum;
}

// Nobody leaves before all were counted, lest one way's clients take what another's have left.
std::vector<Figure> idle(const GamePlan& plan, World& world) {
  const std::vector<Way> ways{world.own("tcp"), world.own("ws"),       world.own("tls"),
                              world.own("wss"), world.haproxys("tls"), world.haproxys("wss")};
  std::vector<std::unique_ptr<Crowd>> crowds;
  const auto come = [&](const Way& way, int count) {
    auto all = words(world, way, "idle");
    all.insert(all.end(), {"--duration", "1h"});
    crowds.push_back(std::make_unique<Crowd>(static_cast<std::uint64_t>(count), std::move(all)));
  };
  for (const Way& way : ways) come(way, kWarm);
  std::vector<double> each;
  for (const Way& way : ways) {
    std::cerr << "memory of " << plan.idle << " clients by " << way.name << '\n';
    const auto before = memory(way);
    come(way, plan.idle);
    each.push_back((static_cast<double>(memory(way)) - static_cast<double>(before)) / plan.idle);
  }
  std::vector<Figure> figures;
  for (std::size_t i = 0; i < 4; ++i) {
    Figure figure{.what = "memory of an idle client by " + ways[i].name, .ours = each[i], .unit = "bytes"};
    if (i >= 2) {
      figure.peer = "haproxy + our " + ways[i - 2].name;
      figure.theirs = each[i + 2];
    }
    figures.push_back(std::move(figure));
  }
  return figures;
}

}  // namespace

std::vector<Figure> transports(const GamePlan& plan) {
  std::cerr << "agents by every transport, and haproxy that ends TLS before them\n";
  World world(plan);
  auto figures = idle(plan, world);
  for (auto& figure : trips(plan, world)) figures.push_back(std::move(figure));
  return figures;
}

}  // namespace cm::bench
