#include "bench/bars.hpp"

#include <algorithm>

#include "bench/sample.hpp"
#include "bench/table.hpp"

namespace cm::bench {
namespace {

constexpr int kConnections = 50;
constexpr int kSize = 64;
constexpr double kInstructionsATrip = 20'000;
constexpr double kInstructionsATripGoal = 16'000;
constexpr double kInstructionsADelivery = 12'000;
constexpr double kBytesAnIdleClient = 1024;

const char* word(Bar::Kind kind) {
  switch (kind) {
    case Bar::Kind::at_most:
      return "at most";
    case Bar::Kind::below:
      return "below";
    case Bar::Kind::goal:
      return "goal";
  }
  return "";
}

const char* verdict(const Bar& bar) {
  if (!bar.measured) return "not counted";
  if (bar.held()) return bar.kind == Bar::Kind::goal ? "reached" : "held";
  return bar.kind == Bar::Kind::goal ? "not reached" : "MISSED";
}

}  // namespace

bool Bar::held() const {
  if (!measured) return true;
  return kind == Kind::below ? *measured < limit : *measured <= limit;
}

void add_trip_bars(std::vector<Bar>& bars, int connections, int size, std::optional<double> instructions,
                   std::optional<double> cpu, std::optional<double> p99) {
  if (connections != kConnections) return;
  const std::string where = ", " + number(connections) + " connections, " + number(size) + " B";
  if (size == kSize) {
    const std::string trip = "instructions a forwarded round trip" + where;
    bars.push_back({trip, instructions, kInstructionsATrip});
    bars.push_back({trip, instructions, kInstructionsATripGoal, Bar::Kind::goal});
    bars.push_back({"CPU : haproxy's hop" + where, cpu, 1, Bar::Kind::below});
  }
  bars.push_back({"p99 : haproxy's" + where, p99, 1, Bar::Kind::below});
}

Bar delivery_bar(std::optional<double> instructions) {
  return {"instructions a broadcast's delivery", instructions, kInstructionsADelivery};
}

Bar idle_bar(double clients, std::optional<double> bytes_each) {
  return {"resident bytes an idle client, of " + number(clients), bytes_each, kBytesAnIdleClient};
}

std::string verdicts(const std::vector<Bar>& bars) {
  Table table({"bar", "measured", "limit", "verdict"});
  table.rule();
  for (const auto& bar : bars) {
    const int decimals = bar.limit < 10 ? 2 : 0;
    table.add({bar.what, text(bar.measured, decimals), std::string(word(bar.kind)) + ' ' + number(bar.limit, decimals),
               verdict(bar)});
  }
  return table.text();
}

bool all_held(const std::vector<Bar>& bars) {
  return std::all_of(bars.begin(), bars.end(), [](const Bar& b) { return b.kind == Bar::Kind::goal || b.held(); });
}

}  // namespace cm::bench
