#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cm::bench {

// The figures of one run of bench_client, by their names.
using Sample = std::map<std::string, double>;

// Runs bench_client with these arguments; throws with what it says when it fails.
Sample measure(std::vector<std::string> arguments);

// The median of each figure by itself.
Sample median(const std::vector<Sample>& rounds);

// Nothing where it was not measured.
std::optional<double> value(const Sample& sample, const std::string& key);
std::optional<double> ratio(const Sample& ours, const Sample& theirs, const std::string& key);

// "n/a" for nothing.
std::string text(std::optional<double> value, int decimals = 0);

}  // namespace cm::bench
