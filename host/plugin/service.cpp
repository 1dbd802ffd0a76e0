#include "plugin/service.hpp"

#include <pthread.h>

#include <algorithm>
#include <random>

#include "base/log.hpp"
#include "plugin/host_extensions.hpp"
#include "plugin/service_fence.hpp"
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

Service::Service(const Surroundings& surroundings, std::shared_ptr<const Manifest> manifest,
                 const cm_service_kind& kind, std::optional<std::string> settings)
    : surroundings_(surroundings),
      manifest_(std::move(manifest)),
      kind_(kind),
      kind_name_(kind.kind),
      id_(service_id(surroundings.identity, kind_name_)),
      ref_(surroundings.registry.names().service(id_)),
      mailbox_(std::make_shared<Mailbox>(surroundings.mailbox)),
      view_(surroundings.registry),
      settings_(std::move(settings)),
      calls_(first_call()),
      hub_(names(), ref_, [this](const routing::Envelope& e) { return routing::Registry::deliver(view_.get(), e); }),
      reports_(surroundings.registry, ref_) {
  host_.struct_size = sizeof host_;
  host_.abi_major = CM_ABI_MAJOR;
  host_.abi_minor = CM_ABI_MINOR;
  host_.host_data = this;
  host_.service_id = id_.c_str();
  host_.kind = kind_name_.c_str();
  host_.group = surroundings_.identity.group.c_str();
  host_.index = surroundings_.identity.index;
  host_.self = static_cast<cm_service>(ref_);
  host_.get_extension = &host_extension;
  host_.report_fault = &host_report_fault;
}

Service* Service::of(const cm_host* host) { return host != nullptr ? static_cast<Service*>(host->host_data) : nullptr; }

void Service::log(spdlog::level::level_enum level, std::string_view text) const {
  auto& logger = base::log(base::Room::service);
  if (!logger.should_log(level)) return;
  logger.log(level, "{} service={} plugin={} version={}", one_line(text, kMaxLogLine), id_, manifest_->name,
             base::log_value(manifest_->version));
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
  surroundings_.pool->cancel(gate_);
  if (gate_->wait_empty(surroundings_.patience.stop)) return true;
  log(spdlog::level::err, "an offloaded job does not return; the plugin's library stays loaded");
  return false;
}

void Service::give_up(std::string_view why) {
  given_up_ = true;
  close_frontend();
  withdraw();
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
  if (auto status = create(); !status) return status;
  if (auto status = enter_mesh(); !status) {
    destroy();
    return status;
  }
  phase_ = Phase::starting;
  const cm_status status = fenced({.hook = "start"}, [&] { return kind_.start(self_); });
  if (status != CM_OK) {
    close_frontend();
    withdraw();
    mailbox_->close();
    destroy();
    return not_started("start", status);
  }
  phase_ = Phase::running;
  return {};
}

base::Error Service::not_started(std::string_view hook, cm_status status) const {
  std::string why = id_ + " was not started: its " + std::string(hook) + " returned " + status_text(status);
  if (status == CM_FAULT) why += ": " + last_fault();
  return base::error(why + "; its log lines before this one may say more");
}

base::Status Service::create() {
  phase_ = Phase::creating;
  const cm_status status = fenced({.hook = "create"}, [&] {
    self_ = kind_.create(&host_);
    return self_ != nullptr ? CM_OK : CM_REFUSED;
  });
  if (self_ == nullptr) return not_started("create", status);
  if (status != CM_OK) {  // it reported a fault and made a service for all that
    destroy();
    return not_started("create", status);
  }
  message_ext_ = plugin_extension<cm_plugin_message>(CM_EXT_MESSAGE);
  timer_ext_ = plugin_extension<cm_plugin_timer>(CM_EXT_TIMER);
  settings_ext_ = plugin_extension<cm_plugin_settings>(CM_EXT_SETTINGS);
  clients_ext_ = plugin_extension<cm_plugin_clients>(CM_EXT_CLIENTS);
  gateway_ext_ = plugin_extension<cm_plugin_gateway>(CM_EXT_GATEWAY);
  directory_ext_ = plugin_extension<cm_plugin_directory>(CM_EXT_DIRECTORY);
  channel_ext_ = plugin_extension<cm_plugin_channel>(CM_EXT_CHANNEL);
  offload_ext_ = plugin_extension<cm_plugin_offload>(CM_EXT_OFFLOAD);
  return {};
}

base::Status Service::enter_mesh() {
  routing::ServiceEntry entry;
  entry.ref = ref_;
  entry.kind = names().kind(kind_name_);
  entry.draining = true;
  entry.mailbox = mailbox_;
  for (const auto& up : view_.get().entries) known_up_.insert(up.ref);
  if (auto status = registry().put(std::move(entry)); !status) return status;
  registered_ = true;
  if (given_up()) withdraw();
  reports_.registered();
  hub_.refresh(view_.get(), now_ms());
  if (kind_name_ != HubClient::kHubKind) {
    (void)hub_.subscribe(kind_name_, "", "");
    (void)hub_.subscribe(id_, "", "");
    if (!manifest_->requires_kinds.empty()) hub_.subscribe_host(HubClient::kStatusChannel);
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
    if (draining_ && ((idle && calls_.size() == 0 && jobs_out_ == 0) || now >= drain_until_)) return;
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
  for (const auto& result : aside.jobs) on_job(result);
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
  if (const std::string report = reports_.due(now); !report.empty()) {
    auto e = envelope(routing::Kind::message, hub_.hub_of(HubClient::kStatusChannel));
    e.msg_id = StatusReports::kMessageId;
    e.body = std::as_bytes(std::span(report));
    (void)send(e);  // no hub, or a full one: the next report comes soon
  }
}

std::int64_t Service::next_deadline() const {
  return std::min(
      {timers_.next_deadline(), calls_.next_deadline(), hub_.next_deadline(), reports_.next_deadline(), drain_until_});
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
  phase_ = Phase::stopping;
  (void)fenced({.hook = "stop"}, [&] {
    kind_.stop(self_);
    return CM_OK;
  });
  destroy();
}

void Service::destroy() {
  phase_ = Phase::destroying;
  (void)fenced({.hook = "destroy"}, [&] {
    kind_.destroy(self_);
    return CM_OK;
  });
  self_ = nullptr;
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
