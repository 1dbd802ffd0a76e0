#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "base/result.hpp"
#include "bots/deliveries.hpp"
#include "bots/engine.hpp"
#include "bots/robot.hpp"
#include "bots/stats.hpp"
#include "net/address.hpp"
#include "net/tls.hpp"
#include "plugin/manifest.hpp"
#include "plugin/metrics.hpp"

namespace cm::bots {

struct RunConfig {
  std::uint64_t count = 100;
  double ramp = 500;                           // robots started a second; 0: all at once
  std::chrono::milliseconds duration{30'000};  // from when all were started
  std::chrono::milliseconds grace{20'000};     // for what is open at the end
  std::chrono::milliseconds timeout{20'000};   // of each step of a login
  std::uint64_t seed = 1;
  std::string settings;                                    // of the robots, serialized
  net::TlsTrust trust;                                     // of tls and wss
  std::function<base::Result<net::Address>()> find_login;  // asked again when logins fail
};

// What must stand in a row of the game's database at the end.
struct ExpectedField {
  std::string message;
  std::uint64_t least = 0, most = 0;
};
struct RowKey {
  std::string table, key;
  friend auto operator<=>(const RowKey&, const RowKey&) = default;
};
using ExpectedRows = std::map<RowKey, std::map<std::string, ExpectedField>>;

// One run of many robots of one plugin, on the thread that made it.
class Run {
 public:
  Run(RunConfig config, const cm_service_kind& kind, const plugin::Manifest& manifest);
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run();

  // From the first robot's start to the last one's end. `progress` is called about once a second; true: end it.
  void play(const std::function<bool(const Run&)>& progress);

  [[nodiscard]] double seconds() const;
  [[nodiscard]] std::uint64_t started() const { return robots_.size(); }
  [[nodiscard]] std::uint64_t online() const { return online_; }
  [[nodiscard]] std::uint64_t faults() const { return faults_; }
  [[nodiscard]] const Stats& stats() const { return stats_; }
  [[nodiscard]] const Deliveries& deliveries() const { return deliveries_; }
  [[nodiscard]] const ExpectedRows& expected_rows() const { return rows_; }
  [[nodiscard]] std::vector<std::pair<std::string, std::int64_t>> counters() const { return metrics_.values(); }
  [[nodiscard]] bool finishing() const { return finishing_; }

  // --- of its robots
  [[nodiscard]] const RunConfig& config() const { return config_; }
  [[nodiscard]] const cm_service_kind& kind() const { return kind_; }
  [[nodiscard]] Engine& engine() { return engine_; }
  [[nodiscard]] Stats& stats() { return stats_; }
  [[nodiscard]] Deliveries& deliveries() { return deliveries_; }
  [[nodiscard]] ExpectedRows& expected_rows() { return rows_; }
  [[nodiscard]] plugin::Metrics& metrics() { return metrics_; }
  [[nodiscard]] bool on_this_thread() const { return std::this_thread::get_id() == thread_; }
  // The full name of a message.
  [[nodiscard]] std::string_view message_name(std::uint16_t id) const;
  // As it was found last; looked up again when a login failed, at most once a second.
  base::Result<net::Address> login_address();
  void note_login_failed() { ask_for_login_ = true; }
  void note_online(bool online) { online ? ++online_ : --online_; }
  void note_fault(const std::string& where, const std::string& what);
  void note_done() { ++done_; }
  void log(int level, std::uint64_t robot, std::string_view text);

 private:
  void start_more();
  void finish_all();
  [[nodiscard]] bool settled() const;
  void judge_the_end();

  const RunConfig config_;
  const cm_service_kind& kind_;
  const plugin::Manifest& manifest_;
  const std::thread::id thread_ = std::this_thread::get_id();
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();

  Engine engine_;
  Stats stats_;
  Deliveries deliveries_;
  plugin::Metrics metrics_;
  ExpectedRows rows_;
  std::vector<std::unique_ptr<Robot>> robots_;
  std::optional<base::Result<net::Address>> login_;
  std::chrono::steady_clock::time_point login_asked_;
  bool ask_for_login_ = false;
  std::uint64_t online_ = 0, faults_ = 0, done_ = 0;
  bool finishing_ = false;
};

}  // namespace cm::bots
