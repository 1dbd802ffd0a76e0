#include "plugin/service.hpp"

#include <pthread.h>

#include <algorithm>
#include <random>

#include "base/log.hpp"
#include "plugin/host_extensions.hpp"
#include "plugin/service_fence.hpp"
#include "plugin/shared_kv.hpp"
#include "plugin/text.hpp"

namespace cm::plugin {
namespace {

using routing::ServiceRef;

constexpr int kTurn = 64;  // messages, until timers get their chance
constexpr std::size_t kMaxLogLine = 8192;

// Random, so that an answer to a call of an earlier life of this service id finds none of this one.
std::uint64_t first_call() {
  std::random_device random;
  return (std::uint64_t{random()} << 24U) + random() + 1;
}

std::string service_id(const HostIdentity& host, const std::string& kind) {
  return routing::ServiceName{kind, host.index, host.group}.id();
}

}  // namespace

Service::Service(const Surroundings& surroundings, std::shared_ptr<Generation> generation, const cm_service_kind& kind,
                 std::optional<std::string> settings)
    : surroundings_(surroundings),
      kind_name_(kind.kind),
      id_(service_id(surroundings.identity, kind_name_)),
      ref_(surroundings.registry.names().service(id_)),
      mailbox_(std::make_shared<Mailbox>(surroundings.mailbox)),
      live_(make_instance(generation, kind, std::move(settings))),
      view_(surroundings.registry),
      calls_(first_call()),
      hub_(names(), ref_, [this](const routing::Envelope& e) { return routing::Registry::deliver(view_.get(), e); }),
      reports_(surroundings.registry, ref_),
      health_(surroundings.registry, ref_),
      generation_(std::move(generation)) {}

Service::~Service() = default;

std::unique_ptr<Instance> Service::make_instance(std::shared_ptr<Generation> generation, const cm_service_kind& kind,
                                                 std::optional<std::string> settings) {
  auto instance = std::make_unique<Instance>();
  instance->service = this;
  instance->generation = std::move(generation);
  instance->kind = &kind;
  instance->settings = std::move(settings);
  cm_host& host = instance->host;
  host.struct_size = sizeof host;
  host.abi_major = CM_ABI_MAJOR;
  host.abi_minor = CM_ABI_MINOR;
  host.host_data = instance.get();
  host.service_id = id_.c_str();
  host.kind = kind_name_.c_str();
  host.group = surroundings_.identity.group.c_str();
  host.index = surroundings_.identity.index;
  host.self = static_cast<cm_service>(ref_);
  host.get_extension = &host_extension;
  host.report_fault = &host_report_fault;
  return instance;
}

const Instance* Service::instance_of(const cm_host* host) {
  return host != nullptr ? static_cast<const Instance*>(host->host_data) : nullptr;
}
Service* Service::of(const cm_host* host) {
  const Instance* instance = instance_of(host);
  return instance != nullptr ? instance->service : nullptr;
}

void Service::log(spdlog::level::level_enum level, std::string_view text, const Generation& generation,
                  std::source_location where) const {
  write_line(base::log(base::Room::service, id_), level, text, generation, where);
}

void Service::log_own(spdlog::level::level_enum level, std::string_view text, const Generation& generation) const {
  // More than a host's own: many different lines come from here.
  static constexpr base::LogLimit kLimit{1000, std::chrono::milliseconds(50)};
  write_line(base::log(base::Room::service, id_, kLimit), level, text, generation, std::source_location::current());
}

void Service::write_line(const base::Logger& logger, spdlog::level::level_enum level, std::string_view text,
                         const Generation& generation, std::source_location where) const {
  if (!logger.should_log(level)) return;
  logger.line(level, fmt::format("{} service={}{}", one_line(text, kMaxLogLine), id_, generation.label()), where);
}

std::shared_ptr<Generation> Service::generation() const {
  const std::lock_guard lock(mutex_);
  return generation_;
}

std::string Service::last_fault() const {
  const std::lock_guard lock(mutex_);
  return last_fault_;
}

void Service::set_state(State state, std::string failure) {
  const std::lock_guard lock(mutex_);
  state_ = state;
  failure_ = std::move(failure);
  changed_.notify_all();
}

// ---- loader thread

base::Status Service::start(std::stop_token interrupt) {
  if (ref_ == ServiceRef::none)
    return base::error("the service id " + id_ + " cannot be used; see --group and --index");
  set_state(State::starting);
  try {
    thread_ = std::thread([self = shared_from_this()] { self->run(); });
  } catch (const std::system_error& e) {
    set_state(State::idle);
    return base::error("there is no thread for " + id_ + ": " + e.what() + "; raise the limit of threads (ulimit -u)");
  }
  std::unique_lock lock(mutex_);
  const auto patience = surroundings_.patience.start;
  const auto decided = [&] { return state_ != State::starting; };
  bool done = changed_.wait_for(lock, interrupt, patience, decided);
  if (!done && interrupt.stop_requested()) done = changed_.wait_for(lock, surroundings_.patience.stop, decided);
  if (!done) {
    lock.unlock();
    give_up("its start did not return in time");
    return base::error(id_ + " did not finish its start within " + std::to_string(patience.count()) +
                       " ms; look for what it waits for, and move blocking work to offload. Its library stays loaded");
  }
  if (state_ == State::up) return {};
  const std::string why = failure_;
  lock.unlock();
  thread_.join();
  if (!finish_jobs()) given_up_ = true;
  return base::error(why);
}

void Service::go_public() {
  bool accept = false;
  {
    const std::lock_guard lock(mutex_);
    public_ = true;
    accept = has_frontend_;
  }
  registry().update(ref_, [](routing::ServiceEntry& entry) { entry.draining = false; });
  if (accept) surroundings_.frontends->accept(ref_);
}

bool Service::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::up) return !given_up();  // it never came up, or was stopped before
  }
  if (registered_) registry().update(ref_, [](routing::ServiceEntry& entry) { entry.draining = true; });
  close_frontend();
  mailbox_->begin_drain();
  {
    std::unique_lock lock(mutex_);
    const auto patience = 2 * surroundings_.patience.drain + surroundings_.patience.stop;
    if (!changed_.wait_for(lock, patience, [&] { return state_ == State::ended; })) {
      lock.unlock();
      give_up("a hook of it does not return");
      return false;
    }
  }
  thread_.join();
  return finish_jobs();
}

bool Service::finish_jobs() {
  surroundings_.pool->cancel(live_->jobs);
  if (live_->jobs->wait_empty(surroundings_.patience.stop)) return true;
  log(spdlog::level::err, "an offloaded job does not return; the plugin's library stays loaded");
  return false;
}

void Service::give_up(std::string_view why) {
  given_up_ = true;
  close_frontend();
  withdraw();
  forget_entries();
  mailbox_->close();
  mailbox_->wake();
  thread_.detach();
  log(spdlog::level::err, std::string(why) + "; the service is given up, its library stays loaded");
}

void Service::close_frontend() {
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(has_frontend_, false)) return;
  }
  surroundings_.frontends->stop_accepting(ref_);
  surroundings_.frontends->close(ref_);
}

// Loader and service thread: who comes first takes it out.
void Service::withdraw() {
  if (registered_.exchange(false)) registry().remove(ref_);
}

void Service::forget_entries() {
  if (surroundings_.kv != nullptr) surroundings_.kv->forget(ref_);
}

// ---- service thread

void Service::run() {
  thread_id_ = std::this_thread::get_id();
  ::pthread_setname_np(::pthread_self(), id_.substr(0, 15).c_str());
  if (auto status = begin(); !status) {
    set_state(State::failed, status.error().text);
    return;
  }
  set_state(State::up);
  loop();
  end();
  set_state(State::ended);
}

base::Status Service::begin() {
  if (auto status = create(*live_); !status) return status;
  if (auto status = enter_mesh(); !status) {
    destroy(*live_);
    return status;
  }
  live_->phase = Instance::Phase::starting;
  const cm_status status = fenced({.hook = "start"}, [&] { return live_->kind->start(live_->self); });
  if (status != CM_OK) {
    close_frontend();
    withdraw();
    mailbox_->close();
    destroy(*live_);
    forget_entries();
    return not_started("start", status);
  }
  live_->phase = Instance::Phase::running;
  return {};
}

base::Error Service::not_started(std::string_view hook, cm_status status) const {
  if (!start_failure_.empty()) return base::error(id_ + " was not started: " + start_failure_);
  std::string why = id_ + " was not started: its " + std::string(hook) + " returned " + status_text(status);
  if (status == CM_FAULT) why += ": " + last_fault();
  return base::error(why + "; its log lines before this one may say more");
}

base::Status Service::create(Instance& instance) {
  const cm_status status = fenced({.hook = "create", .instance = &instance}, [&] {
    instance.self = instance.kind->create(&instance.host);
    return instance.self != nullptr ? CM_OK : CM_REFUSED;
  });
  if (instance.self == nullptr) return not_started("create", status);
  ++instance.generation->services;
  if (status != CM_OK) {  // it reported a fault and made a service for all that
    destroy(instance);
    return not_started("create", status);
  }
  instance.message_ext = plugin_extension<cm_plugin_message>(instance, CM_EXT_MESSAGE);
  instance.timer_ext = plugin_extension<cm_plugin_timer>(instance, CM_EXT_TIMER);
  instance.settings_ext = plugin_extension<cm_plugin_settings>(instance, CM_EXT_SETTINGS);
  instance.clients_ext = plugin_extension<cm_plugin_clients>(instance, CM_EXT_CLIENTS);
  instance.gateway_ext = plugin_extension<cm_plugin_gateway>(instance, CM_EXT_GATEWAY);
  instance.directory_ext = plugin_extension<cm_plugin_directory>(instance, CM_EXT_DIRECTORY);
  instance.channel_ext = plugin_extension<cm_plugin_channel>(instance, CM_EXT_CHANNEL);
  instance.offload_ext = plugin_extension<cm_plugin_offload>(instance, CM_EXT_OFFLOAD);
  instance.address_ext = plugin_extension<cm_plugin_client_address>(instance, CM_EXT_CLIENT_ADDRESS);
  instance.origin_ext = plugin_extension<cm_plugin_client_origin>(instance, CM_EXT_CLIENT_ORIGIN);
  instance.kv_ext = plugin_extension<cm_plugin_kv>(instance, CM_EXT_KV);
  instance.state_ext = plugin_extension<cm_plugin_state>(instance, CM_EXT_STATE);
  return {};
}

base::Status Service::enter_mesh() {
  routing::ServiceEntry entry;
  entry.ref = ref_;
  entry.kind = names().kind(kind_name_);
  entry.draining = true;
  entry.unhealthy = health_.reason();
  entry.mailbox = mailbox_;
  for (const auto& up : view_.get().entries) known_up_.insert(up.ref);
  if (auto status = registry().put(std::move(entry)); !status) return status;
  registered_ = true;
  if (given_up()) withdraw();
  reports_.registered();
  health_.registered();
  hub_.refresh(view_.get(), now_ms());
  if (kind_name_ != HubClient::kHubKind) {
    (void)hub_.subscribe(kind_name_, "", "");
    (void)hub_.subscribe(id_, "", "");
    if (!live_->generation->manifest().requires_kinds.empty()) hub_.subscribe_host(HubClient::kStatusChannel);
  }
  return {};
}

void Service::loop() {
  while (!given_up()) {
    auto aside = mailbox_->take_aside();
    if (batch_.empty() && mailbox_->take(batch_)) registry().notify_room(ref_);
    handle_batch(kTurn);
    if (aside) handle_aside(std::move(*aside));
    const std::int64_t now = now_ms();
    run_due(now);
    const bool idle = batch_.empty() && mailbox_->empty();
    if (draining_ && ((idle && calls_.size() == 0 && jobs_out_count_ == 0) || now >= drain_until_)) return;
    if (idle) mailbox_->wait_until(next_deadline());
  }
}

void Service::handle_batch(int most) {
  batch_.for_each([&](const routing::Envelope& envelope) {
    dispatch(envelope);
    return --most > 0;
  });
}

void Service::handle_aside(Mailbox::Aside aside) {
  for (const auto& [ref, changes] : aside.services) {
    if (changes.down) on_service(ref, false);
    if (changes.up) on_service(ref, true);
  }
  if (aside.settings) on_settings(std::move(*aside.settings));
  for (const auto& [name, value] : aside.entries) on_entry(name, value ? &*value : nullptr);
  for (const auto& result : aside.jobs) on_job(result);
  for (const auto& task : aside.tasks) task->run();
  if (aside.drain && !draining_) {
    draining_ = true;
    drain_until_ = now_ms() + surroundings_.patience.drain.count();
  }
}

void Service::run_due(std::int64_t now) {
  due_.clear();
  timers_.due(now, due_);
  for (const auto number : due_) on_timer(number);
  due_.clear();
  calls_.due(now, due_);
  for (const auto number : due_) {
    if (const auto call = calls_.take(number)) finish_call(*call, CM_TIMEOUT, nullptr);
  }
  hub_.refresh(view_.get(), now);
  health_.due(now);
  if (const std::string report = reports_.due(now); !report.empty()) {
    auto e = envelope(routing::Kind::message, hub_.hub_of(HubClient::kStatusChannel));
    e.msg_id = StatusReports::kMessageId;
    e.body = std::as_bytes(std::span(report));
    (void)send(e);  // no hub, or a full one: the next report comes soon
  }
}

std::int64_t Service::next_deadline() const {
  return std::min({timers_.next_deadline(), calls_.next_deadline(), hub_.next_deadline(), reports_.next_deadline(),
                   health_.next_deadline(), drain_until_});
}

void Service::end() {
  draining_ = true;
  close_frontend();
  withdraw();
  mailbox_->close();
  const std::int64_t until = now_ms() + surroundings_.patience.drain.count();
  while (!given_up()) {
    if (batch_.empty()) (void)mailbox_->take(batch_);
    if (batch_.empty()) break;
    if (now_ms() < until) {
      handle_batch(kTurn);
    } else {
      drop_batch();
    }
  }
  if (auto aside = mailbox_->take_aside()) handle_aside(std::move(*aside));
  live_->phase = Instance::Phase::stopping;
  (void)fenced({.hook = "stop"}, [&] {
    live_->kind->stop(live_->self);
    return CM_OK;
  });
  destroy(*live_);
  for (const auto& old : old_) destroy(*old);
  old_.clear();
  forget_entries();
}

void Service::destroy(Instance& instance) {
  instance.phase = Instance::Phase::destroying;
  (void)fenced({.hook = "destroy", .instance = &instance}, [&] {
    instance.kind->destroy(instance.self);
    return CM_OK;
  });
  instance.self = nullptr;
  --instance.generation->services;
}

// What its service has no time left for; whoever waits is told.
void Service::drop_batch() {
  std::uint64_t dropped = 0;
  batch_.for_each([&](const routing::Envelope& envelope) {
    ++dropped;
    answer_failure(envelope, CM_STOPPING);
    return true;
  });
  counters_.strays += dropped;
  log(spdlog::level::warn,
      "stopped before it had handled " + std::to_string(dropped) + " messages; callers and clients were told");
}

}  // namespace cm::plugin
