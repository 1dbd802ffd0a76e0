#include "bots/stats.hpp"

#include <algorithm>

namespace cm::bots {
namespace {

constexpr std::size_t kMostExamples = 10;
constexpr std::size_t kLongest = 300;

template <class Map>
auto& entry(Map& map, std::string_view name, std::size_t most) {
  const auto it = map.find(name);
  if (it != map.end()) return it->second;
  return map[map.size() < most ? std::string(name.substr(0, 100)) : std::string("others")];
}

// Two stretches as one. Percentiles of both are not known: the worse ones stand for them.
Sample merged(const Sample& a, const Sample& b) {
  Sample sum = b;
  sum.seconds += a.seconds;
  sum.entered += a.entered;
  sum.sent += a.sent;
  sum.received += a.received;
  sum.errors += a.errors;
  for (const auto& [series, latency] : a.latencies) {
    auto& to = sum.latencies[series];
    to.count += latency.count;
    to.p50 = std::max(to.p50, latency.p50);
    to.p99 = std::max(to.p99, latency.p99);
    to.max = std::max(to.max, latency.max);
  }
  return sum;
}

}  // namespace

void Stats::measure(std::string_view name, std::uint64_t us) {
  entry(series_, name, kMostNames).add(us);
  entry(now_, name, kMostNames).add(us);
}

void Stats::error(std::string_view kind, std::string_view text) {
  ++errors;
  Error& error = entry(errors_, kind, kMostNames);
  ++error.count;
  if (error.example.empty()) error.example = text.substr(0, kLongest);
}

void Stats::check(std::string_view name, bool held, std::string_view why) {
  Check& check = entry(checks_, name, kMostNames);
  if (held) {
    ++check.held;
    return;
  }
  ++check.failed;
  if (check.examples.size() < kMostExamples) check.examples.emplace_back(why.substr(0, kLongest));
}

void Stats::sample(double at, std::uint64_t online) {
  Sample s;
  s.at = at;
  s.seconds = at - begun_.at;
  s.online = online;
  s.entered = entered - begun_.entered;
  s.sent = sent - begun_.sent;
  s.received = received - begun_.received;
  s.errors = errors - begun_.errors;
  for (auto& [name, histogram] : now_) {
    if (histogram.count() == 0) continue;
    s.latencies[name] = {histogram.count(), histogram.percentile(0.5), histogram.percentile(0.99), histogram.max()};
    histogram.clear();
  }
  begun_.at = at;
  begun_.entered = entered;
  begun_.sent = sent;
  begun_.received = received;
  begun_.errors = errors;
  samples_.push_back(std::move(s));
  if (samples_.size() < kMostSamples) return;
  std::vector<Sample> half;
  for (std::size_t i = 0; i + 1 < samples_.size(); i += 2) half.push_back(merged(samples_[i], samples_[i + 1]));
  samples_ = std::move(half);
}

}  // namespace cm::bots
