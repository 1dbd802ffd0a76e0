#include "discovery/consul.hpp"

#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "base/log.hpp"
#include "discovery/consul_access.hpp"
#include "discovery/consul_codec.hpp"
#include "discovery/consul_kv.hpp"
#include "discovery/consul_registrar.hpp"
#include "discovery/consul_services.hpp"
#include "discovery/kv_rules.hpp"

namespace cm::discovery {
namespace {

using namespace std::chrono_literals;

constexpr auto kStopWithin = 3s;
constexpr std::size_t kMaxPrefixes = 64;
const std::string kStopping = "the host is stopping";

}  // namespace

struct ConsulDiscovery::Impl {
  explicit Impl(ConsulConfig c)
      : config(std::move(c)),
        loop(ConsulApi::http_config(config)),
        api(loop, config, [this](const ConsulAnswer& answer) { on_forbidden(answer); }),
        contact(loop, api, config,
                {[this](ConsulContact::Verdict verdict) { on_contact(verdict); }, [this] { on_outage(); },
                 [this] { on_token(); }}),
        context{loop, api, contact, config},
        access(context, [this] { on_access(); }),
        services(context, [this](std::set<std::string> ids) { access.set_unseen(std::move(ids)); }),
        registrar(context,
                  {[this](const ServiceRecord& record, bool again) { services.on_registered(record, again); },
                   [this](const ServiceRecord& record) { services.on_deregistered(record); },
                   [this](const std::string& id, const std::string& error) { access.set_refused(id, error); }}),
        lane(context),
        deadline(loop) {
    shown.kind = "consul";
    shown.address = config.url;
    shown.last_error = contact.error();
  }

  void on_contact(ConsulContact::Verdict verdict) {
    if (stopping) return;
    registrar.on_contact(verdict);
    services.on_contact(verdict);
    for (auto& [root, tree] : trees) tree->on_contact(verdict);
    access.on_contact();
    show();  // before anybody is told
    if (auto ready = std::exchange(on_ready, nullptr)) ready();
  }

  void on_outage() {
    if (stopping) return loop.quit();
    services.on_outage();
    for (auto& [root, tree] : trees) tree->on_outage();
    show();
    lane.fail_all(contact.error());
    access.on_outage(contact.forbidden(), contact.error());
  }

  void on_forbidden(const ConsulAnswer& answer) {
    contact.look_at_token();
    if (answer.token_unknown()) contact.doubt(answer.error);
    access.recheck();
  }

  // Requests under way were sent with the old token.
  void on_token() {
    if (stopping) return;
    registrar.register_again();
    services.reread();
    for (auto& [root, tree] : trees) tree->restart();
    access.recheck();
  }

  void on_access() {
    if (std::exchange(access_lacks, !access.problem().empty()) && !access_lacks) {
      for (auto& [root, tree] : trees) tree->restart();
    }
    if (access_callback) access_callback(access.problem());
  }

  void watch_kv(const std::string& prefix, std::shared_ptr<KvCallback> callback) {
    auto& tree = trees[ConsulKvTree::root_of(prefix)];
    if (!tree) tree = std::make_unique<ConsulKvTree>(context, access, ConsulKvTree::root_of(prefix));
    tree->watch(prefix, std::move(callback));
  }

  void unwatch_kv(const std::string& prefix) {
    const auto it = trees.find(ConsulKvTree::root_of(prefix));
    if (it == trees.end()) return;
    it->second->unwatch(prefix);
    if (it->second->empty()) trees.erase(it);
  }

  void begin_stop() {
    stopping = true;
    trees.clear();
    services.watch({}, nullptr);
    lane.fail_all(kStopping);
    deadline.set(kStopWithin, [this] {
      base::log(base::Room::discovery).warn("Consul at {} did not take all deregistrations in time", config.url);
      loop.quit();
    });
    registrar.shut_down([this] { services.flush([this] { loop.quit(); }); });
  }

  // Copies the state to where others may read it.
  void show() {
    const std::lock_guard lock(mutex);
    shown.reachable = contact.up();
    shown.registered = registrar.registered();
    if (shown.last_error != contact.error()) shown.last_error = contact.error();
  }

  void take_inbox() {
    std::map<std::string, std::optional<ServiceRecord>> taken;
    {
      const std::lock_guard lock(mutex);
      taken.swap(inbox);
    }
    if (stopping) return;
    for (const auto& [id, record] : taken) record ? registrar.want(*record) : registrar.drop(id);
  }

  void put_in_inbox(const std::string& id, std::optional<ServiceRecord> record) {
    const std::lock_guard lock(mutex);
    if (inbox.empty()) loop.post([this] { take_inbox(); });
    inbox.insert_or_assign(id, std::move(record));
  }

  // `done` gets the answer on the loop's thread, or a refusal at once when too much is under way.
  void request(ConsulKvLane::Request request, base::Status allowed) {
    if (under_way.fetch_add(1) >= kMaxRequestsUnderWay) {
      --under_way;
      ConsulAnswer full;
      full.error = too_many_requests().text;
      return request.done(full);
    }
    request.done = [this, done = std::move(request.done)](const ConsulAnswer& answer) {
      --under_way;
      done(answer);
    };
    loop.post([this, allowed = std::move(allowed), r = std::move(request)]() mutable {
      if (allowed && !stopping) return lane.send(std::move(r));
      ConsulAnswer refused;
      refused.error = stopping ? kStopping : allowed.error().text;
      r.done(refused);
    });
  }

  // Constant after construction.
  const ConsulConfig config;

  // Loop's thread only, but for its post().
  Loop loop;
  ConsulApi api;
  ConsulContact contact;
  ConsulContext context;
  ConsulAccess access;
  ConsulServices services;
  ConsulRegistrar registrar;
  ConsulKvLane lane;
  std::map<std::string, std::unique_ptr<ConsulKvTree>> trees;  // by root
  std::function<void(const std::string&)> access_callback;
  bool access_lacks = false;  // something, when it was told last
  std::function<void()> on_ready;
  Timer deadline;
  bool stopping = false;

  std::atomic<std::size_t> under_way{0};  // requests to the KV
  std::thread thread;

  mutable std::mutex mutex;  // guards all below
  State shown;
  bool started = false;
  bool stopped = false;
  std::map<std::string, std::optional<ServiceRecord>> inbox;  // what is to be registered, or (none) deregistered
  std::shared_ptr<ServicesCallback> services_callback;
  std::map<std::string, std::shared_ptr<KvCallback>> kv_callbacks;
};

base::Status check_config(ConsulConfig& config) {
  auto url = HttpClient::normalize_url(config.url);
  if (!url) return base::error("Consul's address cannot be used: " + url.error().text);
  config.url = std::move(*url);
  std::error_code ec;
  for (const auto& [what, file] :
       {std::pair("CA file", config.ca_file), std::pair("client certificate", config.cert_file),
        std::pair("client key", config.key_file)}) {
    if (!file.empty() && !std::filesystem::is_regular_file(file, ec))
      return base::error("the " + std::string(what) + " " + base::log_value(file) + " for Consul is not there");
  }
  if (config.cert_file.empty() != config.key_file.empty())
    return base::error("a client certificate for Consul and its key go together: give both or none");
  if (!config.cert_file.empty() && config.url.starts_with("http://"))
    return base::error("a client certificate for Consul needs an https address, and " + config.url + " is none");
  if (config.token.find_first_of("\r\n") != std::string::npos)
    return base::error("the token for Consul has a line break in it");
  return {};
}

base::Result<std::unique_ptr<ConsulDiscovery>> ConsulDiscovery::make(ConsulConfig config) {
  if (const base::Status usable = check_config(config); !usable) return usable.error();
  return std::unique_ptr<ConsulDiscovery>(new ConsulDiscovery(std::move(config)));
}

ConsulDiscovery::ConsulDiscovery(ConsulConfig config) : impl_(std::make_unique<Impl>(std::move(config))) {}

ConsulDiscovery::~ConsulDiscovery() { stop(); }

void ConsulDiscovery::start(std::function<void()> on_ready) {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->started || impl_->stopped) return;
  impl_->started = true;
  impl_->on_ready = std::move(on_ready);
  impl_->thread = std::thread([impl = impl_.get()] {
    impl->watch_kv(std::string(ConsulServices::kNotes),
                   std::make_shared<KvCallback>([impl](const KvMap& notes, bool) { impl->services.on_notes(notes); }));
    impl->contact.start();
    impl->loop.run([impl] { impl->show(); });
    const std::lock_guard over(impl->mutex);
    impl->shown.reachable = false;
    impl->shown.last_error = "it was stopped";
  });
}

void ConsulDiscovery::stop() {
  {
    const std::lock_guard lock(impl_->mutex);
    if (std::exchange(impl_->stopped, true) || !impl_->started) return;
  }
  impl_->loop.post([impl = impl_.get()] { impl->begin_stop(); });
  impl_->thread.join();
}

void ConsulDiscovery::post(std::function<void()> work) { impl_->loop.post(std::move(work)); }

void ConsulDiscovery::register_service(const ServiceRecord& record) { impl_->put_in_inbox(record.id, record); }

void ConsulDiscovery::deregister_service(const std::string& id) { impl_->put_in_inbox(id, std::nullopt); }

void ConsulDiscovery::watch_services(std::vector<std::string> kinds,
                                     std::function<void(const std::vector<ServiceRecord>&)> on_change) {
  auto callback = std::make_shared<ServicesCallback>(std::move(on_change));
  std::shared_ptr<ServicesCallback> old;
  {
    const std::lock_guard lock(impl_->mutex);
    old = std::exchange(impl_->services_callback, callback);
    impl_->loop.post([impl = impl_.get(), kinds = std::move(kinds), callback] {
      if (!impl->stopping) impl->services.watch(kinds, callback);
    });
  }
  if (old) old->end();
}

void ConsulDiscovery::watch_kv(const std::string& prefix, std::function<void(const KvMap&, bool lost)> on_change) {
  if (const base::Status ok = check_prefix(prefix); !ok) {
    base::log(base::Room::discovery).error("cannot watch the KV: {}", ok.error().text);
    return;
  }
  auto callback = std::make_shared<KvCallback>(std::move(on_change));
  std::shared_ptr<KvCallback> old;
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->kv_callbacks.size() >= kMaxPrefixes && !impl_->kv_callbacks.contains(prefix)) {
      base::log(base::Room::discovery).error("cannot watch {}: {} prefixes are watched already", prefix, kMaxPrefixes);
      return;
    }
    old = std::exchange(impl_->kv_callbacks[prefix], callback);
    impl_->loop.post([impl = impl_.get(), prefix, callback] {
      if (!impl->stopping) impl->watch_kv(prefix, callback);
    });
  }
  if (old) old->end();
}

void ConsulDiscovery::unwatch_kv(const std::string& prefix) {
  std::shared_ptr<KvCallback> old;
  {
    const std::lock_guard lock(impl_->mutex);
    const auto it = impl_->kv_callbacks.find(prefix);
    if (it == impl_->kv_callbacks.end()) return;
    old = std::move(it->second);
    impl_->kv_callbacks.erase(it);
    impl_->loop.post([impl = impl_.get(), prefix] { impl->unwatch_kv(prefix); });
  }
  old->end();
}

void ConsulDiscovery::get(const std::string& key, Got done) {
  impl_->request({{.path = "/v1/kv/" + consul::escape_key(key)},
                  [key, done = std::move(done)](const ConsulAnswer& answer) {
                    if (answer.absent()) return done(std::optional<KvEntry>());
                    if (!answer.ok()) return done(base::error(answer.error));
                    auto values = consul::parse_kv(answer.body, key);
                    if (!values) return done(values.error());
                    const auto it = values->find(key);
                    done(it == values->end() ? std::optional<KvEntry>() : std::optional(std::move(it->second)));
                  }},
                 check_key(key));
}

namespace {

// Consul answers a write with "true", or "false" when a check-and-set found another version.
void finish_write(const std::string& key, const ConsulAnswer& answer, const Discovery::Done& done) {
  if (answer.ok() && answer.body.starts_with("true")) return done({});
  if (answer.ok()) return done(base::error("the key " + key + " was " + std::string(kChangedMeanwhile)));
  done(base::error(answer.absent() ? "Consul has no KV at this address" : answer.error));
}

}  // namespace

void ConsulDiscovery::put(const std::string& key, const std::string& value, Done done) {
  impl_->request({{.method = "PUT", .path = "/v1/kv/" + consul::escape_key(key), .body = value},
                  [key, done = std::move(done)](const ConsulAnswer& answer) { finish_write(key, answer, done); }},
                 check_entry(key, value));
}

void ConsulDiscovery::put_if(const std::string& key, const std::string& value, std::uint64_t version, Done done) {
  impl_->request({{.method = "PUT",
                   .path = "/v1/kv/" + consul::escape_key(key) + "?cas=" + std::to_string(version),
                   .body = value},
                  [key, done = std::move(done)](const ConsulAnswer& answer) { finish_write(key, answer, done); }},
                 check_entry(key, value));
}

void ConsulDiscovery::remove(const std::string& key, Done done) {
  impl_->request({{.method = "DELETE", .path = "/v1/kv/" + consul::escape_key(key)},
                  [key, done = std::move(done)](const ConsulAnswer& answer) { finish_write(key, answer, done); }},
                 check_key(key));
}

void ConsulDiscovery::set_role(AccessRole role) {
  impl_->loop.post([impl = impl_.get(), role = std::move(role)] {
    if (impl->stopping) return;
    impl->services.set_role(role);
    impl->access.set_role(role);
  });
}

void ConsulDiscovery::watch_access(std::function<void(const std::string& problem)> on_change) {
  impl_->access_callback = std::move(on_change);
}

ConsulDiscovery::State ConsulDiscovery::state() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->shown;
}

}  // namespace cm::discovery
