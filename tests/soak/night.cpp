#include "soak/night.hpp"

#include <boost/json.hpp>
#include <optional>
#include <stdexcept>

#include "soak/interrupt.hpp"

namespace cm::soak {
namespace {

using test::seconds;

constexpr seconds kLong{120};
constexpr int kKilled = 128 + 9;

void must(bool holds, const std::string& otherwise) {
  if (!holds) throw std::runtime_error(otherwise);
}

class Watch {
 public:
  [[nodiscard]] std::string text() const {
    const auto ms = std::chrono::duration_cast<test::milliseconds>(test::Clock::now() - begun_).count();
    return ms < 1000 ? std::to_string(ms) + " ms"
                     : std::to_string(ms / 1000) + "." + std::to_string(ms % 1000 / 100) + " s";
  }

 private:
  const test::Clock::time_point begun_ = test::Clock::now();
};

}  // namespace

std::vector<Night::Fault> Night::faults() {
  std::vector<Fault> all{
      {"the second game is killed", [this] { return kill_game("game2", "game#1@dev", false); }},
      {"both games are reloaded",
       [this] {
         return reload({"game", "game2"}, "game");
       }},
      {"social is reloaded", [this] { return reload({"social"}, "social"); }},
      {"the first game is killed, and missed", [this] { return kill_game("game", "game#0@dev", true); }},
      {"data is killed", [this] { return kill_data(); }},
      {"data is reloaded", [this] { return reload({"data"}, "data"); }},
  };
  if (postgres_ != nullptr) all.push_back({"PostgreSQL is shut down at once", [this] { return restart_postgres(); }});
  return all;
}

std::optional<std::uint64_t> Night::players(const std::string& service) {
  const auto rows = mesh_.host("agent").query({"services", "game"});
  for (const auto& row : rows.as_array()) {
    if (row.at("id").as_string() != service) continue;
    return row.at("users").is_null() ? 0 : row.at("users").to_number<std::uint64_t>();
  }
  return std::nullopt;
}

void Night::kill(const std::string& host) {
  mesh_.host(host).kill9();
  const auto code = mesh_.host(host).process().wait();
  must(code == kKilled,
       host + "'s host did not die of the kill, but ended with " + (code ? std::to_string(*code) : "nothing"));
}

void Night::start(const std::string& host) {
  mesh_.host(host).start();
  mesh_.host(host).await_ready(kLong);
}

// One that is back soon keeps its players; of one that is missed another takes them over.
std::string Night::kill_game(const std::string& host, const std::string& service, bool until_missed) {
  const auto before = players(service);
  must(before.value_or(0) > 0, "nobody plays at " + service);
  kill(host);
  const Watch dead;
  if (until_missed) must(await([&] { return !players(service); }, kLong), "the agent does not miss " + service);
  start(host);
  must(await([&] { return players(service).has_value(); }, kLong),
       "the agent does not see that " + service + " is back");
  return service + " of " + std::to_string(*before) + " players died of SIGKILL, and was back after " + dead.text();
}

std::string Night::kill_data() {
  kill("data");
  const Watch dead;
  start("data");
  return "its host died of SIGKILL, and was back after " + dead.text();
}

std::string Night::reload(const std::vector<std::string>& hosts, const std::string& plugin) {
  std::string text;
  for (const auto& host : hosts) {
    const auto done = mesh_.host(host).ctl({"reload", plugin});
    must(done.code == 0 && done.json.is_object(), "the reload of " + plugin + " is refused: " + done.output);
    const auto& report = done.json.as_object();
    const auto from = report.at("from").to_number<std::uint64_t>();
    const auto to = report.at("to").to_number<std::uint64_t>();
    must(report.at("ok").as_bool() && to > from, "the reload of " + plugin + " did not take place: " + done.output);
    text += (text.empty() ? "" : "; ") + plugin + " at " + host + ": generation " + std::to_string(to) +
            " took over from " + std::to_string(from) + ", paused for " +
            std::to_string(report.at("pause_us").to_number<std::uint64_t>()) + " us";
  }
  return text;
}

std::string Night::restart_postgres() {
  const auto begun = [&] { return postgres_->sql("SELECT pg_postmaster_start_time()"); };
  const auto before = begun();
  const Watch dead;
  postgres_->stop_at_once();
  postgres_->start();
  const auto took = dead.text();
  must(begun() != before, "PostgreSQL is the one that it was");
  return "an immediate shutdown; it took connections again after " + took;
}

}  // namespace cm::soak
