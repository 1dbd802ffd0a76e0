// How a link comes up, breaks, and what becomes of the streams and services when the peer is gone.
#include <algorithm>
#include <exception>
#include <random>
#include <utility>

#include <boost/asio/co_spawn.hpp>

#include "base/log.hpp"
#include "mesh/link.hpp"

namespace cm::mesh {

using base::log_value;
using base::Room;
using routing::Envelope;
using routing::ServiceRef;

namespace {

std::chrono::milliseconds jittered(std::chrono::milliseconds wait) {
  thread_local std::minstd_rand source{std::random_device{}()};
  return std::chrono::milliseconds(std::uniform_int_distribution<std::int64_t>(wait.count() / 2, wait.count())(source));
}

// What is left to say to a process that took the place of another: not to its clients, nor answers to its calls.
bool outlives_restart(routing::Kind kind) {
  using routing::Kind;
  return kind == Kind::message || kind == Kind::client_message || kind == Kind::call || kind == Kind::client_closed;
}

}  // namespace

void Link::set_candidates(std::vector<Candidate> candidates) {
  if (stopping_) return;
  const bool news = std::any_of(candidates.begin(), candidates.end(), [&](const Candidate& c) {
    return std::find(candidates_.begin(), candidates_.end(), c) == candidates_.end();
  });
  candidates_ = std::move(candidates);
  if (!news) return;
  backoff_ = {};
  dial_at_ms_ = worker_.now_ms();
  dial_if_due();
}

void Link::dial_if_due() {
  if (conn_ || attempt_ || stopping_ || candidates_.empty() || worker_.now_ms() < dial_at_ms_) return;
  const Candidate candidate = candidates_[next_candidate_++ % candidates_.size()];
  attempt_ = std::make_shared<Opening>(worker_.context());
  attempt_->limit(config_.handshake_limit);
  dialing_ = true;
  hello_sent_ = false;
  auto task = dial(shared_from_this(), attempt_, candidate);
  boost::asio::co_spawn(worker_.context().get_executor(), std::move(task), [](const std::exception_ptr& e) {
    if (e) std::rethrow_exception(e);
  });
}

void Link::dial_failed(const std::string& why, std::chrono::milliseconds wait) {
  if (attempt_) attempt_->abandon();
  attempt_.reset();
  last_error_ = why;
  // The same again and again is said once.
  const auto level = std::exchange(last_logged_, why) == why ? spdlog::level::debug : spdlog::level::warn;
  base::log(Room::mesh).log(level, "cannot link peer={} reason={}", log_value(host_), log_value(why));
  if (wait.count() == 0) {
    backoff_ = std::clamp(2 * backoff_, config_.backoff_min, config_.backoff_max);
    wait = connects_ > 0 && stream_ == 0 ? config_.backoff_refused : backoff_;
  }
  dial_at_ms_ = worker_.now_ms() + jittered(wait).count();
  publish_info();
}

void Link::establish(const std::shared_ptr<Opening>& opening, std::optional<std::uint64_t> resume_at, bool dialed) {
  attempt_.reset();
  (void)sender_.stream().resume_at(resume_at.value_or(0));  // looked at when it was agreed
  reader_.reset();
  address_ = opening->peer();
  conn_ = std::make_shared<Connection>(static_cast<Connection::Owner&>(*this), opening->take_socket());
  confirmed_ = true;
  dialed_ = dialed;
  heard_ms_ = pinged_ms_ = worker_.now_ms();
  if (!remote_.any_lost()) broken_ms_ = 0;
  backoff_ = {};
  last_error_.clear();
  last_logged_.clear();
  acked_ = received_;  // the handshake said so
  ack_due_ = false;
  ++connects_;
  up_ = true;
  base::log(Room::mesh)
      .info("link up peer={} address={} direction={} resumed={}", log_value(host_), address_, dialed ? "out" : "in",
            resume_at.has_value());
  remote_.set_reachable(true);
  sync_local();
  update_load();
  publish_info();
  conn_->start();
  dirty();
}

void Link::close_connection() {
  if (!conn_) return;
  conn_->close();
  past_bytes_in_ += conn_->bytes_in();
  past_bytes_out_ += conn_->bytes_out();
  conn_.reset();
  up_ = false;
  reader_.reset();
  pong_.reset();
  if (stream_ != 0) broken_ms_ = worker_.now_ms();
}

void Link::close_for_good(const std::string& why) {
  close_connection();
  last_error_ = why;
  if (stopping_) {
    finish_stop();
    return;
  }
  give_up(why);
  dial_at_ms_ = worker_.now_ms() + jittered(config_.backoff_refused).count();
  if (auto challenge = std::exchange(challenge_, std::nullopt)) {
    admit(std::move(challenge->opening), challenge->hello);
  }
  publish_info();
}

void Link::drop_connection(const std::string& why) {
  close_connection();
  last_error_ = why;
  if (stopping_) {
    finish_stop();
    return;
  }
  remote_.set_reachable(false);
  base::log(Room::mesh).info("link broken peer={} reason={}", log_value(host_), log_value(why));
  if (auto challenge = std::exchange(challenge_, std::nullopt)) {
    admit(std::move(challenge->opening), challenge->hello);
  }
  dial_at_ms_ = worker_.now_ms();
  dial_if_due();
  publish_info();
}

void Link::give_up(const std::string& why) {
  std::uint64_t lost = 0;
  sender_.for_each_envelope([&](const Envelope&, bool) { ++lost; });
  remote_.for_each([&](RemoteService& service) { lost += service.held.count(); });
  lost_ += lost;
  if (stream_ != 0 && connects_ > 0 && !stopping_) {
    base::log(Room::mesh)
        .log(lost > 0 || !remote_.empty() ? spdlog::level::warn : spdlog::level::info,
             "peer given up peer={} reason={} messages_lost={}", log_value(host_), log_value(why), lost);
  }
  arrivals_.all_agents_gone();
  remote_.withdraw_all();
  held_bytes_ = 0;
  sender_.reset();
  refs_.reset();
  local_.reset();
  stream_ = peer_stream_ = received_ = peer_acked_ = 0;
  confirmed_ = false;
  broken_ms_ = 0;
  update_load();
}

void Link::withdraw(std::span<const ServiceRef> services) {
  for (const ServiceRef ref : services) {
    const RemoteService* service = remote_.find(ref);
    if (service == nullptr) continue;
    held_bytes_ -= service->held.bytes();
    lost_ += service->held.count();
    arrivals_.agent_gone(ref);
  }
  remote_.withdraw(services);
  update_load();
}

void Link::restarted() {
  std::uint64_t lost = 0;
  sender_.for_each_envelope([&](const Envelope& envelope, bool sent) {
    RemoteService* service = remote_.find(envelope.to);
    if (sent || service == nullptr || !outlives_restart(envelope.kind)) {
      ++lost;
    } else {
      service->held.push(envelope);
    }
  });
  lost_ += lost;
  base::log(Room::mesh).warn("peer restarted peer={} messages_lost={}", log_value(host_), lost);
  arrivals_.all_agents_gone();
  remote_.lose_all();
  if (broken_ms_ == 0) broken_ms_ = worker_.now_ms();
}

void Link::expire_lost() {
  std::uint64_t dropped = 0;
  std::size_t services = 0;
  std::string_view first;
  remote_.for_each([&](RemoteService& service) {
    if (!service.lost) return;
    if (services++ == 0) first = registry_.names().service_id(service.ref());
    dropped += service.held.count();
    held_bytes_ -= service.held.bytes();
  });
  base::log(Room::mesh)
      .warn("services did not come back peer={} services={} first={} messages_lost={}", log_value(host_), services,
            log_value(first), dropped);
  lost_ += dropped;
  remote_.withdraw_lost();
  broken_ms_ = 0;
  update_load();
}

}  // namespace cm::mesh
