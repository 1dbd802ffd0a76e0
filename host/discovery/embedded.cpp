#include "discovery/embedded.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "discovery/kv_rules.hpp"

namespace cm::discovery {

EmbeddedDiscovery::~EmbeddedDiscovery() { stop(); }

void EmbeddedDiscovery::start(std::function<void()> on_ready) {
  const std::lock_guard lock(mutex_);
  if (started_ || stopped_) return;
  started_ = true;
  if (on_ready) work_.push_front(std::move(on_ready));
  thread_ = std::thread([this] { run(); });
}

void EmbeddedDiscovery::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true) || !started_) return;
    services_.clear();
  }
  wake_.notify_one();
  thread_.join();
}

// What was asked for before stop() is still done; watches are told no more.
void EmbeddedDiscovery::run() {
  std::unique_lock lock(mutex_);
  while (!stopped_ || !work_.empty()) {
    std::function<void()> work;
    if (!work_.empty()) {
      work = std::move(work_.front());
      work_.pop_front();
    }
    const bool tell = !stopped_;
    const bool services_changed = std::exchange(services_changed_, false);
    lock.unlock();
    if (work) work();
    if (tell && (services_changed || !told_)) tell_services();
    if (tell) tell_kv();
    lock.lock();
    wake_.wait(lock, [this] { return stopped_ || services_changed_ || !work_.empty(); });
  }
}

void EmbeddedDiscovery::tell_services() {
  if (!on_services_) return;
  std::vector<ServiceRecord> now;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, record] : services_) {
      if (std::find(kinds_.begin(), kinds_.end(), record.kind) != kinds_.end()) now.push_back(record);
    }
  }
  if (told_ == now) return;
  told_ = std::move(now);
  on_services_->call(*told_);
}

void EmbeddedDiscovery::tell_kv() {
  for (auto& [prefix, watch] : kv_watches_) {
    if (!std::exchange(watch.due, false)) continue;
    KvMap map;
    for (auto it = kv_.lower_bound(prefix); it != kv_.end() && it->first.starts_with(prefix); ++it) map.insert(*it);
    watch.on_change->call(map, false);
  }
}

void EmbeddedDiscovery::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    work_.push_back(std::move(work));
  }
  wake_.notify_one();
}

void EmbeddedDiscovery::register_service(const ServiceRecord& record) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    services_.insert_or_assign(record.id, record);
    services_changed_ = true;
  }
  wake_.notify_one();
}

void EmbeddedDiscovery::deregister_service(const std::string& id) {
  {
    const std::lock_guard lock(mutex_);
    services_changed_ |= services_.erase(id) != 0;
  }
  wake_.notify_one();
}

void EmbeddedDiscovery::watch_services(std::vector<std::string> kinds,
                                       std::function<void(const std::vector<ServiceRecord>&)> on_change) {
  auto callback = std::make_shared<ServicesCallback>(std::move(on_change));
  std::shared_ptr<ServicesCallback> old;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    old = std::exchange(services_callback_, callback);
    work_.emplace_back([this, kinds = std::move(kinds), callback] {
      kinds_ = kinds;
      on_services_ = callback;
      told_.reset();
    });
  }
  wake_.notify_one();
  if (old) old->end();
}

void EmbeddedDiscovery::watch_kv(const std::string& prefix, std::function<void(const KvMap&, bool lost)> on_change) {
  if (const base::Status ok = check_prefix(prefix); !ok) {
    base::log(base::Room::discovery).error("cannot watch the KV: {}", ok.error().text);
    return;
  }
  auto callback = std::make_shared<KvCallback>(std::move(on_change));
  std::shared_ptr<KvCallback> old;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    old = std::exchange(kv_callbacks_[prefix], callback);
    work_.emplace_back([this, prefix, callback] { kv_watches_.insert_or_assign(prefix, KvWatch{callback}); });
  }
  wake_.notify_one();
  if (old) old->end();
}

void EmbeddedDiscovery::unwatch_kv(const std::string& prefix) {
  std::shared_ptr<KvCallback> old;
  {
    const std::lock_guard lock(mutex_);
    const auto it = kv_callbacks_.find(prefix);
    if (it == kv_callbacks_.end()) return;
    old = std::move(it->second);
    kv_callbacks_.erase(it);
    if (!stopped_) work_.emplace_back([this, prefix] { kv_watches_.erase(prefix); });
  }
  wake_.notify_one();
  old->end();
}

bool EmbeddedDiscovery::request(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return true;
    if (under_way_ >= kMaxRequestsUnderWay) return false;
    ++under_way_;
    work_.emplace_back([this, work = std::move(work)] {
      {
        const std::lock_guard relock(mutex_);
        --under_way_;
      }
      work();
    });
  }
  wake_.notify_one();
  return true;
}

void EmbeddedDiscovery::get(const std::string& key, Got done) {
  const bool taken = request([this, key, done] {
    if (const base::Status ok = check_key(key); !ok) return done(ok.error());
    const auto it = kv_.find(key);
    done(it == kv_.end() ? std::optional<KvEntry>() : std::optional(it->second));
  });
  if (!taken) done(too_many_requests());
}

void EmbeddedDiscovery::write(const std::string& key, std::optional<std::string> value,
                              std::optional<std::uint64_t> version, base::Status allowed, Done done) {
  const bool taken = request([this, key, value = std::move(value), version, allowed = std::move(allowed), done] {
    done(allowed ? apply(key, value, version) : allowed);
  });
  if (!taken) done(too_many_requests());
}

base::Status EmbeddedDiscovery::apply(const std::string& key, std::optional<std::string> value,
                                      std::optional<std::uint64_t> version) {
  const auto it = kv_.find(key);
  if (version && *version != (it == kv_.end() ? 0 : it->second.version))
    return base::error("the key " + key + " was " + std::string(kChangedMeanwhile));
  const bool same = it == kv_.end() ? !value : value == it->second.value;
  if (same) return {};
  ++last_version_;
  if (value) {
    kv_.insert_or_assign(key, KvEntry{std::move(*value), last_version_});
  } else {
    kv_.erase(it);
  }
  for (auto& [prefix, watch] : kv_watches_) watch.due = watch.due || key.starts_with(prefix);
  return {};
}

void EmbeddedDiscovery::put(const std::string& key, const std::string& value, Done done) {
  write(key, value, std::nullopt, check_entry(key, value), std::move(done));
}

void EmbeddedDiscovery::put_if(const std::string& key, const std::string& value, std::uint64_t version, Done done) {
  write(key, value, version, check_entry(key, value), std::move(done));
}

void EmbeddedDiscovery::remove(const std::string& key, Done done) {
  write(key, std::nullopt, std::nullopt, check_key(key), std::move(done));
}

EmbeddedDiscovery::State EmbeddedDiscovery::state() const {
  const std::lock_guard lock(mutex_);
  State out;
  out.kind = "embedded";
  out.reachable = started_ && !stopped_;
  if (!out.reachable) out.last_error = stopped_ ? "it was stopped" : "it has not started yet";
  out.registered = services_.size();
  return out;
}

}  // namespace cm::discovery
