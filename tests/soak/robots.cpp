#include "soak/robots.hpp"

#include <boost/json.hpp>
#include <cstdio>
#include <iostream>

#include "support/bots.hpp"

namespace cm::soak {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kShown = 5;  // one line of so many

std::vector<std::string> command(const Robots::Options& options) {
  std::vector<std::string> words{"--scenario", "life",
                                 "--login",    options.login,
                                 "--count",    std::to_string(options.count),
                                 "--database", options.database,
                                 "--report",   options.report.string(),
                                 "--duration", std::to_string(options.bound.count()) + "s",
                                 "--grace",    "60s"};
  if (!options.settings.empty()) words.insert(words.end(), {"--set", options.settings});
  return test::bots_command(words);
}

std::uint64_t number(const json::object& of, const char* name) {
  const auto* value = of.if_contains(name);
  return value != nullptr ? value->to_number<std::uint64_t>() : 0;
}

void print(const json::object& report) {
  const auto milliseconds = [](const json::object& of, const char* name) {
    return of.at(name).to_number<double>() / 1000;
  };
  std::printf("%llu robots in %.0f s: %llu entered, %llu messages out, %llu in, %llu lines heard\n",
              static_cast<unsigned long long>(number(report, "robots")), report.at("seconds").to_number<double>(),
              static_cast<unsigned long long>(number(report, "entered")),
              static_cast<unsigned long long>(number(report, "sent")),
              static_cast<unsigned long long>(number(report, "received")),
              static_cast<unsigned long long>(number(report, "deliveries")));
  for (const auto& [name, value] : report.at("latencies").as_object()) {
    const auto& of = value.as_object();
    std::printf("  %-10s %8llu  p50 %8.1f ms  p99 %8.1f ms  max %8.1f ms\n", std::string(name).c_str(),
                static_cast<unsigned long long>(number(of, "count")), milliseconds(of, "p50_us"),
                milliseconds(of, "p99_us"), milliseconds(of, "max_us"));
  }
  for (const auto& [kind, value] : report.at("errors_by_kind").as_object()) {
    const auto& error = value.as_object();
    std::printf("  %8llu times %s; %s\n", static_cast<unsigned long long>(number(error, "count")),
                std::string(kind).c_str(), error.at("example").as_string().c_str());
  }
  for (const auto& [name, value] : report.at("checks").as_object()) {
    const auto& check = value.as_object();
    const auto failed = number(check, "failed");
    std::printf("  %s %s: %llu held, %llu did not\n", failed == 0 ? "ok    " : "FAILED", std::string(name).c_str(),
                static_cast<unsigned long long>(number(check, "held")), static_cast<unsigned long long>(failed));
    for (const auto& example : check.at("examples").as_array()) {
      std::printf("           %s\n", example.as_string().c_str());
    }
  }
}

}  // namespace

Robots::Robots(const Options& options)
    : count_(options.count), process_({.command = command(options), .env = {}, .folder = {}, .log = {}}) {}

const Robots::Progress& Robots::look() {
  const std::string output = process_.output();
  for (auto end = output.find('\n', read_); end != std::string::npos; end = output.find('\n', read_)) {
    const std::string line = output.substr(read_, end - read_);
    read_ = end + 1;
    unsigned long long second = 0, in = 0, of = 0;
    if (std::sscanf(line.c_str(), "%llu s %llu/%llu in", &second, &in, &of) != 3) continue;
    progress_.in = in;
    if (progress_.lines++ % kShown == 0) std::cout << "             " << line << std::endl;
    if (line.find("level-up") != std::string::npos) progress_.purchases = progress_.lines;
  }
  return progress_;
}

std::vector<std::string> Robots::judge() {
  const auto code = process_.wait();
  const std::string output = process_.output();
  const auto found = test::bots_report(output);
  if (!found || !code || (*code != 0 && *code != 1))
    return {"the robots ended without a report:\n" + test::tail(output)};
  const auto& report = *found;
  print(report.as_object());
  std::vector<std::string> wrong;
  if (*code != 0) wrong.push_back("the robots' verdict: " + std::string(report.at("why").as_string()));
  // Checks that had nothing to check hold.
  const auto held = [&](const char* name) {
    const auto* check = report.at("checks").as_object().if_contains(name);
    return check != nullptr ? number(check->as_object(), "held") : 0;
  };
  if (held(test::kStored) != count_) wrong.emplace_back("not every robot was compared with the database");
  if (held(test::kHeard) == 0) wrong.emplace_back("no line was heard");
  if (number(report.at("counters").as_object(), "level_ups") == 0) wrong.emplace_back("no level was bought");
  return wrong;
}

}  // namespace cm::soak
