#include "discovery/consul_kv.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "discovery/consul_codec.hpp"

namespace cm::discovery {
namespace {

base::Logger out() { return base::log(base::Room::discovery); }

}  // namespace

ConsulKvWatch::ConsulKvWatch(ConsulContext& context, std::string prefix, std::shared_ptr<KvCallback> on_change)
    : context_(context),
      prefix_(std::move(prefix)),
      on_change_(std::move(on_change)),
      query_(context, "/v1/kv/" + consul::escape_key(prefix_) + "?recurse",
             {[this](const ConsulAnswer& answer, bool rewound) { return on_answer(answer, rewound); },
              [this](const std::string& error) { on_refused(error); }}),
      patience_(context.loop) {
  query_.restart();
}

void ConsulKvWatch::on_contact(ConsulContact::Verdict verdict) {
  tell_again_ = known_;
  if (lost_ || (verdict.lost && known_)) lose();
  query_.restart();
}

void ConsulKvWatch::on_outage() {
  patience_.cancel();  // begins anew when the KV is back
  query_.park();
}

void ConsulKvWatch::lose() {
  for (const auto& [key, entry] : map_) expected_.insert_or_assign(key, Discovery::KvEntry{});
  lost_ = true;
  patience_.set(3 * context_.config.ttl, [this] { give_up(); });
}

bool ConsulKvWatch::missing() const {
  return std::any_of(expected_.begin(), expected_.end(), [this](const auto& e) { return !map_.contains(e.first); });
}

// Something known is gone or has an older version: with an index that went backwards, that is a KV of earlier. (The
// index alone also goes backwards when Consul forgets about deleted keys.)
bool ConsulKvWatch::older(const Discovery::KvMap& map) const {
  return std::any_of(map_.begin(), map_.end(), [&](const auto& e) {
    const auto it = map.find(e.first);
    return it == map.end() || it->second.version < e.second.version;
  });
}

base::Status ConsulKvWatch::on_answer(const ConsulAnswer& answer, bool rewound) {
  auto map = consul::parse_kv(answer.absent() ? "[]" : answer.body, prefix_);
  if (!map) return map.error();
  if (known_ && !lost_ && rewound && older(*map)) lose();
  // An index that moved on with nothing else: something came and went unseen.
  const bool tell = !known_ || tell_again_ || answer.index > index_ || *map != map_;
  index_ = answer.index;
  known_ = true;
  tell_again_ = false;
  map_ = std::move(*map);
  const bool lost = lost_;
  if (lost && !missing()) {
    lost_ = false;
    expected_.clear();
    patience_.cancel();
  }
  if (tell) on_change_->call(map_, lost);
  return {};
}

void ConsulKvWatch::on_refused(const std::string& error) const {
  out().warn("cannot watch the keys under {}: {}; it is tried again", base::log_value(prefix_), error);
}

void ConsulKvWatch::give_up() {
  lost_ = false;
  expected_.clear();
  on_change_->call(map_, false);
}

void ConsulKvLane::send(Request request) {
  if (!context_.contact.up()) {
    ConsulAnswer answer;
    answer.error = context_.contact.error();
    return request.done(answer);
  }
  requests_.push_back(std::move(request));
  if (under_way_ == 0) next();
}

void ConsulKvLane::fail_all(const std::string& error) {
  if (under_way_ != 0) context_.api.cancel(under_way_);
  under_way_ = 0;
  std::deque<Request> failed;
  failed.swap(requests_);
  ConsulAnswer answer;
  answer.error = error;
  for (const Request& request : failed) request.done(answer);
}

void ConsulKvLane::next() {
  if (requests_.empty()) return;
  Request& request = requests_.front();
  under_way_ = context_.api.call(request.method, request.path, std::move(request.body), [this](ConsulAnswer answer) {
    const Request over = std::move(requests_.front());
    requests_.pop_front();
    under_way_ = 0;
    if (answer.in_doubt()) context_.contact.doubt(answer.error);
    next();
    over.done(answer);
  });
}

}  // namespace cm::discovery
