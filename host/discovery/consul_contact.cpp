#include "discovery/consul_contact.hpp"

#include <array>
#include <cstdio>
#include <random>

#include "base/log.hpp"
#include "discovery/consul_codec.hpp"

namespace cm::discovery {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kKey = "cellmesh/incarnation";
constexpr int kMaxProposals = 3;
constexpr int kMaxLimited = 4;  // probes in a row that find no free connection, and are no outage
constexpr auto kComplainEvery = 5s;

base::Logger out() { return base::log(base::Room::discovery); }

std::string random_name() {
  std::random_device device;
  std::array<char, 33> text{};
  for (std::size_t i = 0; i < 4; ++i) std::snprintf(text.data() + 8 * i, 9, "%08x", device());
  return text.data();
}

double seconds_since(Loop::Clock::time_point when) {
  return std::chrono::duration<double>(Loop::Clock::now() - when).count();
}

}  // namespace

ConsulContact::ConsulContact(Loop& loop, ConsulApi& api, const ConsulConfig& config, Handlers handlers)
    : loop_(loop),
      api_(api),
      config_(config),
      handlers_(std::move(handlers)),
      error_("Consul at " + config.url + " has not been reached yet"),
      backoff_(200ms, 2s),
      pace_(1s, 3),
      next_probe_(loop),
      next_complaint_(loop) {}

void ConsulContact::start() {
  down_since_ = Loop::Clock::now();
  probe();
}

void ConsulContact::doubt(const std::string& error) {
  if (!up_ || doubted_) return;
  out().debug("{}; looking whether Consul is there", error);
  doubted_ = true;
  if (!probing_) next_probe_.set(pace_.next(Loop::Clock::now()), [this] { probe(); });
}

void ConsulContact::look_at_token() {
  ConsulToken& token = api_.token();
  const bool changed = token.refresh();
  if (token.error() != token_error_) {
    token_error_ = token.error();
    if (!token_error_.empty() && !token.value().empty()) out().warn("{}; the last one stays in use", token_error_);
  }
  if (!changed) return;
  out().info("using the token for Consul that {} holds now", config_.token_file);
  handlers_.on_token();
}

void ConsulContact::probe() {
  probing_ = true;
  proposals_ = 0;
  look_at_token();
  const ConsulToken& token = api_.token();
  if (token.value().empty() && !token.error().empty()) return failed(token.error(), true);
  api_.call({.path = "/v1/kv/" + consul::escape_key(kKey), .urgent = true},
            [this](const ConsulAnswer& answer) { on_incarnation(answer); });
}

void ConsulContact::on_incarnation(const ConsulAnswer& answer) {
  if (answer.absent() && proposals_ < kMaxProposals) return propose();
  if (answer.absent()) return failed("Consul does not keep the key " + std::string(kKey));
  if (!answer.ok()) return failed(answer);
  const auto values = consul::parse_kv(answer.body, kKey);
  if (!values) return failed("what answers is not Consul: " + values.error().text);
  if (values->empty()) return failed("what answers is not Consul: it has no value for " + std::string(kKey));
  reached(values->begin()->second.value);
}

// Nobody has named this KV yet. The first one to write does; all take what they then read.
void ConsulContact::propose() {
  ++proposals_;
  const std::string path = "/v1/kv/" + consul::escape_key(kKey);
  api_.call({.method = "PUT", .path = path + "?cas=0", .body = random_name(), .urgent = true, .more_follow = true},
            [this, path](const ConsulAnswer& put) {
              if (put.absent()) return failed("Consul refused to keep a key");
              if (!put.ok()) return failed(put);
              api_.call({.path = path, .urgent = true}, [this](const ConsulAnswer& answer) { on_incarnation(answer); });
            });
}

void ConsulContact::failed(const ConsulAnswer& answer) {
  // Consul is there, and has no connection to spare. If it goes on like that, there is something else.
  if (up_ && answer.limited && ++limited_ < kMaxLimited) {
    next_probe_.set(backoff_.next(), [this] { probe(); });
    return;
  }
  failed(answer.error, answer.forbidden(), answer.status == 0 && !answer.limited);
}

void ConsulContact::failed(std::string error, bool forbidden, bool unreachable) {
  probing_ = false;
  error = "Consul at " + config_.url + ": " + std::move(error);
  const bool news = forbidden != forbidden_ || (forbidden && error != error_);
  forbidden_ = forbidden;
  unreachable_ = unreachable;
  error_ = std::move(error);
  next_probe_.set(backoff_.next(), [this] { probe(); });
  const bool first = up_ || !complaining_;
  const bool outage = up_;
  if (outage) down_since_ = Loop::Clock::now();
  up_ = false;
  if (first || news) complain();
  if (outage || news) handlers_.on_outage();
}

void ConsulContact::complain() {
  complaining_ = true;
  if (forbidden_) {
    out().warn("{}; tried again since {:.0f} s", error_, seconds_since(down_since_));
  } else if (was_up_) {
    out().warn("{}; out of reach for {:.0f} s: traffic goes on with what was last known, and it is tried again", error_,
               seconds_since(down_since_));
  } else {
    const std::string_view remedy = !unreachable_ ? ""
                                    : config_.url.starts_with("https://")
                                        ? ": start Consul there, give the address of another with --consul URL, or "
                                          "see to its TLS: --consul-ca, --consul-cert, --consul-key"
                                        : ": start Consul there, or give the address of another with --consul URL";
    out().warn("{}; waiting for it for {:.0f} s{}", error_, seconds_since(down_since_), remedy);
  }
  next_complaint_.set(kComplainEvery, [this] { complain(); });
}

void ConsulContact::reached(const std::string& incarnation) {
  probing_ = false;
  // A key that is gone without a doubt between was deleted by hand: that is no loss.
  const Verdict verdict{.lost = was_up_ && (doubted_ || !up_) && incarnation != incarnation_, .after_outage = !up_};
  const bool tell = !up_ || doubted_;
  incarnation_ = incarnation;
  if (!up_) out().info("Consul reached address={} after_s={:.1f}", config_.url, seconds_since(down_since_));
  if (verdict.lost) out().warn("Consul at {} has lost its data: what was known is kept and written back", config_.url);
  up_ = true;
  was_up_ = true;
  doubted_ = false;
  complaining_ = false;
  forbidden_ = false;
  error_.clear();
  backoff_.reset();
  next_complaint_.cancel();
  limited_ = 0;
  // An open connection reports its own end at once; this probe is for the time without one.
  next_probe_.set(3 * config_.ttl, [this] { probe(); });
  if (tell) handlers_.on_contact(verdict);
}

}  // namespace cm::discovery
