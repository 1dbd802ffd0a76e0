#include "bots/run.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"

namespace cm::bots {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kStretch{1'000};
constexpr milliseconds kTurn{100};

constexpr const char* kGotIn = "every robot got in";
constexpr const char* kCameToAnEnd = "every robot came to its end";
constexpr const char* kNoFaults = "no robot failed";

const char* name_of(Deliveries::Rule rule) {
  switch (rule) {
    case Deliveries::Rule::heard:
      return "every line that was taken is heard by all who were there";
    case Deliveries::Rule::once:
      return "no line is heard twice";
    case Deliveries::Rule::ordered:
      return "lines are heard in order";
    case Deliveries::Rule::said:
      break;
  }
  return "nothing is heard that was not said or was refused";
}

}  // namespace

Run::Run(RunConfig config, const cm_service_kind& kind, const plugin::Manifest& manifest)
    : config_(std::move(config)),
      kind_(kind),
      manifest_(manifest),
      engine_(config_.trust),
      deliveries_(
          [this](Deliveries::Rule rule, const std::string& why) { stats_.check(name_of(rule), why.empty(), why); }) {}

Run::~Run() { robots_.clear(); }

double Run::seconds() const { return std::chrono::duration<double>(Clock::now() - begun_).count(); }

std::string_view Run::message_name(std::uint16_t id) const {
  const auto* message = manifest_.message(id);
  return message != nullptr ? std::string_view(message->name) : std::string_view("a message of an unknown id");
}

base::Result<net::Address> Run::login_address() {
  // Where it is may be asked of Consul, which takes its time: not for each robot. One's failure is none of the others'.
  if (!login_ || (ask_for_login_ && Clock::now() - login_asked_ >= std::chrono::seconds(1))) {
    login_ = config_.find_login();
    login_asked_ = Clock::now();
    ask_for_login_ = false;
  }
  return *login_;
}

void Run::note_fault(const std::string& where, const std::string& what) {
  ++faults_;
  stats_.check(kNoFaults, false, where + ", " + what);
  stats_.error("fault in " + where, what);
}

void Run::log(int level, std::uint64_t robot, std::string_view text) {
  static constexpr base::LogLimit kLimit{20, std::chrono::milliseconds(50)};  // of all robots
  const auto logger = base::log(base::Room::service, "robots", kLimit);
  const auto wanted = static_cast<spdlog::level::level_enum>(std::clamp(level, 0, 4));
  if (!logger.should_log(wanted)) return;
  logger.log(wanted, "{} robot={}", base::log_value(text), robot);
}

void Run::start_more() {
  const auto due = config_.ramp <= 0 ? config_.count
                                     : std::min<std::uint64_t>(
                                           config_.count, static_cast<std::uint64_t>(seconds() * config_.ramp) + 1);
  while (robots_.size() < due) {
    robots_.push_back(std::make_unique<Robot>(*this, robots_.size()));
    if (!robots_.back()->start()) stats_.error("start", robots_.back()->trouble());
  }
}

void Run::play(const std::function<bool(const Run&)>& progress) {
  Clock::time_point stretch = Clock::now() + kStretch;
  std::optional<Clock::time_point> end;
  Clock::time_point looked = Clock::now();
  bool stop = false;
  robots_.reserve(config_.count);
  while (true) {
    if (!finishing_ && !stop) start_more();
    engine_.turn(std::min(kTurn, config_.ramp > 0 && started() < config_.count ? milliseconds(2) : kTurn));
    const auto now = Clock::now();
    if (now >= stretch) {
      stats_.sample(seconds(), online_);
      stretch = now + kStretch;
      stop = progress(*this) || stop;
    }
    if (!finishing_) {
      if (!end && started() == config_.count) end = now + config_.duration;
      if (stop || (end && now >= *end)) {
        finish_all();
        end = now + config_.grace;
      }
      continue;
    }
    if (now >= *end) break;
    if (now - looked < milliseconds(100)) continue;
    looked = now;
    if (settled()) break;
  }
  stats_.sample(seconds(), online_);
  judge_the_end();
}

void Run::finish_all() {
  finishing_ = true;
  for (const auto& robot : robots_) robot->finish();
}

bool Run::settled() const { return done_ >= robots_.size() && deliveries_.missing() == 0; }

void Run::judge_the_end() {
  deliveries_.finish();
  for (const auto& robot : robots_) {
    const std::string who = robot->name() + (robot->trouble().empty() ? "" : ": " + robot->trouble());
    stats_.check(kGotIn, robot->was_online(), who);
    stats_.check(kCameToAnEnd, robot->done(), who);
  }
  if (robots_.empty()) stats_.check(kGotIn, false, "there were none");
  if (faults_ == 0) stats_.check(kNoFaults, true, {});
}

}  // namespace cm::bots
