#include "bench/sample.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "bench/systems.hpp"
#include "bench/table.hpp"
#include "support/process.hpp"

namespace cm::bench {

Sample measure(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), beside_this("bench_client"));
  const auto finished =
      test::run({.command = std::move(arguments), .env = {}, .folder = {}, .log = {}}, std::chrono::minutes(2));
  if (!finished || finished->code != 0) throw std::runtime_error(finished ? finished->output : "bench_client hangs");
  Sample sample;
  const auto line = boost::json::parse(finished->output);
  for (const auto& [key, figure] : line.as_object()) sample[key] = figure.to_number<double>();
  return sample;
}

Sample median(const std::vector<Sample>& rounds) {
  std::map<std::string, std::vector<double>> all;
  for (const auto& round : rounds) {
    for (const auto& [key, figure] : round) all[key].push_back(figure);
  }
  Sample middle;
  for (auto& [key, figures] : all) {
    std::sort(figures.begin(), figures.end());
    middle[key] = figures[figures.size() / 2];
  }
  return middle;
}

std::optional<double> value(const Sample& sample, const std::string& key) {
  const auto it = sample.find(key);
  return it == sample.end() ? std::nullopt : std::optional(it->second);
}

std::optional<double> ratio(const Sample& ours, const Sample& theirs, const std::string& key) {
  const auto a = value(ours, key);
  const auto b = value(theirs, key);
  return a && b && *b != 0 ? std::optional(*a / *b) : std::nullopt;
}

std::string text(std::optional<double> value, int decimals) { return value ? number(*value, decimals) : "n/a"; }

}  // namespace cm::bench
