#pragma once

#include <boost/json/parse.hpp>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/host.hpp"

namespace cm::test {

namespace json = boost::json;

// `cellmesh bots` with a report as JSON.
inline std::vector<std::string> bots_command(const std::vector<std::string>& words) {
  std::vector<std::string> command{program().string(), "bots", "--json"};
  command.insert(command.end(), words.begin(), words.end());
  return command;
}

// The report behind the progress lines of such a run; nothing when it came to none.
inline std::optional<json::value> bots_report(const std::string& output) {
  const auto begin = output.rfind("\n{");
  if (begin == std::string::npos) return std::nullopt;
  boost::system::error_code ec;
  auto report = json::parse(output.substr(begin + 1, output.find('\n', begin + 1) - begin - 1), ec);
  if (ec) return std::nullopt;
  return report;
}

// One run, to its end.
inline Finished bots(const std::string& login, std::vector<std::string> words) {
  words.insert(words.begin(), {"--login", login, "--quiet"});
  const auto finished = run({.command = bots_command(words), .env = {}, .folder = {}, .log = {}}, seconds(120));
  if (!finished) throw std::runtime_error("cellmesh bots does not end");
  return *finished;
}

inline std::int64_t check(const json::value& report, const std::string& name, const std::string& what) {
  return report.at("checks").at(name).at(what).to_number<std::int64_t>();
}

inline constexpr const char* kHeard = "every line that was taken is heard by all who were there";
inline constexpr const char* kStored = "the database holds what robots were told";

}  // namespace cm::test
