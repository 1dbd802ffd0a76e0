#include "discovery/consul_kv.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "discovery/consul_codec.hpp"

namespace cm::discovery {
namespace {

base::Logger out() { return base::log(base::Room::discovery); }

}  // namespace

ConsulKvWatch::ConsulKvWatch(ConsulContext& context, std::string prefix, std::shared_ptr<KvCallback> on_change)
    : context_(context), prefix_(std::move(prefix)), on_change_(std::move(on_change)), patience_(context.loop) {}

void ConsulKvWatch::on_contact(ConsulContact::Verdict verdict) {
  tell_again_ = known_;
  if (lost_ || (verdict.lost && known_)) lose();
}

void ConsulKvWatch::on_outage() {
  patience_.cancel();  // begins anew when the KV is back
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

void ConsulKvWatch::on_map(const Discovery::KvMap& all, std::uint64_t index, bool rewound) {
  Discovery::KvMap map;
  for (auto it = all.lower_bound(prefix_); it != all.end() && it->first.starts_with(prefix_); ++it)
    map.emplace_hint(map.end(), *it);
  if (known_ && !lost_ && rewound && older(map)) lose();
  // An index that moved on with nothing else: something came and went unseen.
  const bool tell = !known_ || tell_again_ || index > index_ || map != map_;
  index_ = index;
  known_ = true;
  tell_again_ = false;
  map_ = std::move(map);
  const bool lost = lost_;
  if (lost && !missing()) {
    lost_ = false;
    expected_.clear();
    patience_.cancel();
  }
  if (tell) on_change_->call(map_, lost);
}

void ConsulKvWatch::give_up() {
  lost_ = false;
  expected_.clear();
  on_change_->call(map_, false);
}

std::string ConsulKvTree::root_of(const std::string& prefix) {
  const auto slash = prefix.find('/');
  return slash == std::string::npos ? prefix : prefix.substr(0, slash + 1);
}

ConsulKvTree::ConsulKvTree(ConsulContext& context, ConsulAccess& access, const std::string& root)
    : context_(context),
      access_(access),
      root_(root),
      query_(context, "/v1/kv/" + consul::escape_key(root) + "?recurse",
             {[this](const ConsulAnswer& answer, bool rewound) { return on_answer(answer, rewound); },
              [this](const std::string& error) {
                out().warn("cannot watch the keys under {}: {}; it is tried again", base::log_value(root_), error);
              }}) {
  query_.restart();
}

void ConsulKvTree::watch(const std::string& prefix, std::shared_ptr<KvCallback> on_change) {
  auto& watch = watches_[prefix];
  watch = std::make_unique<ConsulKvWatch>(context_, prefix, std::move(on_change));
  if (known_ && !context_.contact.doubted()) watch->on_map(map_, index_, false);
}

void ConsulKvTree::on_contact(ConsulContact::Verdict verdict) {
  known_ = known_ && !verdict.lost && !verdict.after_outage;
  for (auto& [prefix, watch] : watches_) watch->on_contact(verdict);
  query_.restart();
}

void ConsulKvTree::on_outage() {
  known_ = false;
  for (auto& [prefix, watch] : watches_) watch->on_outage();
  query_.park();
}

base::Status ConsulKvTree::on_answer(const ConsulAnswer& answer, bool rewound) {
  auto map = consul::parse_kv(answer.absent() ? "[]" : answer.body, root_);
  if (!map) return map.error();
  ++answers_;
  rewound_ = rewound_ || rewound;
  const auto keys = gone(*map);
  if (keys.empty()) {
    take(std::move(*map), answer.index);
    return {};
  }
  auto held = std::make_shared<Discovery::KvMap>(std::move(*map));
  access_.may_read(keys, [this, alive = alive_, held, index = answer.index, n = answers_](bool allowed) {
    if (!*alive || n != answers_) return;
    if (allowed) return take(std::move(*held), index);
    access_.recheck();
  });
  return {};
}

void ConsulKvTree::take(Discovery::KvMap map, std::uint64_t index) {
  const bool rewound = std::exchange(rewound_, false);
  map_ = std::move(map);
  index_ = index;
  known_ = true;
  for (auto& [prefix, watch] : watches_) watch->on_map(map_, index_, rewound);
}

// Keys that were there, and are not.
std::vector<std::string> ConsulKvTree::gone(const Discovery::KvMap& map) const {
  std::vector<std::string> keys;
  for (const auto& [key, entry] : map_) {
    if (!map.contains(key)) keys.push_back(key);
  }
  return keys;
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
  request.what.more_follow = requests_.size() > 1;
  under_way_ = context_.api.call(std::move(request.what), [this](const ConsulAnswer& answer) {
    const Request over = std::move(requests_.front());
    requests_.pop_front();
    under_way_ = 0;
    if (answer.in_doubt()) context_.contact.doubt(answer.error);
    next();
    over.done(answer);
  });
}

}  // namespace cm::discovery
