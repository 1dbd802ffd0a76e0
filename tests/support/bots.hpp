#pragma once

#include <boost/json/parse.hpp>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/host.hpp"

namespace cm::test {

namespace json = boost::json;

// One run of `cellmesh bots`, with its report as JSON.
inline Finished bots(const std::string& login, const std::vector<std::string>& words) {
  std::vector<std::string> command{program().string(), "bots", "--login", login, "--quiet", "--json"};
  command.insert(command.end(), words.begin(), words.end());
  const auto finished = run({.command = std::move(command), .env = {}, .folder = {}, .log = {}}, seconds(120));
  if (!finished) throw std::runtime_error("cellmesh bots does not end");
  return *finished;
}

inline std::int64_t check(const json::value& report, const std::string& name, const std::string& what) {
  return report.at("checks").at(name).at(what).to_number<std::int64_t>();
}

inline constexpr const char* kHeard = "every line that was taken is heard by all who were there";
inline constexpr const char* kStored = "the database holds what robots were told";

}  // namespace cm::test
