#include "unit/sdk/fake_host.hpp"

#include <algorithm>
#include <utility>

namespace cm::test {

namespace {

std::string text(const std::uint8_t* data, std::size_t size) {
  return data == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(data), size);
}
const std::uint8_t* bytes(const std::string& text) { return reinterpret_cast<const std::uint8_t*>(text.data()); }
FakeHost& of(const cm_host* host) { return *static_cast<FakeHost*>(host->host_data); }

}  // namespace

// The functions that the host's extensions point to.
struct FakeHostTables {
  static cm_status send(const cm_host* h, cm_service to, std::uint16_t id, const std::uint8_t* body, std::size_t size) {
    Asked a{.what = "send", .to = to};
    a.id = id;
    a.body = text(body, size);
    return of(h).ask(std::move(a));
  }
  static cm_status call(const cm_host* h, cm_service to, std::uint16_t id, const std::uint8_t* body, std::size_t size,
                        const cm_client* client, std::uint32_t timeout, const char* handler, const std::uint8_t* cookie,
                        std::size_t cookie_size) {
    Asked a{.what = "call", .to = to};
    a.id = id;
    a.body = text(body, size);
    if (client != nullptr) a.clients.push_back(*client);
    a.number = timeout;
    a.name = handler;
    a.cookie = text(cookie, cookie_size);
    return of(h).ask(std::move(a));
  }
  static cm_status reply(const cm_host* h, const cm_request* request, std::uint16_t id, const std::uint8_t* body,
                         std::size_t size) {
    Asked a{.what = "reply"};
    a.id = id;
    a.body = text(body, size);
    a.request = *request;
    return of(h).ask(std::move(a));
  }
  static cm_status reply_status(const cm_host* h, const cm_request* request, cm_status status) {
    Asked a{.what = "reply_status"};
    a.request = *request;
    a.number = status;
    return of(h).ask(std::move(a));
  }

  static cm_status to_client(const cm_host* h, const cm_client* client, std::uint16_t id, const std::uint8_t* body,
                             std::size_t size) {
    return to_list(h, client, 1, id, body, size, "clients.send");
  }
  static cm_status to_clients(const cm_host* h, const cm_client* clients, std::size_t count, std::uint16_t id,
                              const std::uint8_t* body, std::size_t size) {
    return to_list(h, clients, count, id, body, size, "clients.send_list");
  }
  static cm_status to_list(const cm_host* h, const cm_client* clients, std::size_t count, std::uint16_t id,
                           const std::uint8_t* body, std::size_t size, const char* what) {
    Asked a{.what = what, .clients = std::vector<cm_client>(clients, clients + count)};
    a.id = id;
    a.body = text(body, size);
    return of(h).ask(std::move(a));
  }
  static cm_status broadcast(const cm_host* h, cm_service agent, std::uint16_t id, const std::uint8_t* body,
                             std::size_t size) {
    Asked a{.what = "clients.broadcast", .to = agent};
    a.id = id;
    a.body = text(body, size);
    return of(h).ask(std::move(a));
  }
  static cm_status close(const cm_host* h, const cm_client* client, cm_close_reason reason, const char* why) {
    return close_list(h, client, 1, reason, why);
  }
  static cm_status close_list(const cm_host* h, const cm_client* clients, std::size_t count, cm_close_reason reason,
                              const char* why) {
    Asked a{.what = "clients.close", .clients = std::vector<cm_client>(clients, clients + count)};
    a.name = why == nullptr ? "" : why;
    a.number = reason;
    return of(h).ask(std::move(a));
  }
  static cm_status close_all(const cm_host* h, cm_service agent, cm_close_reason reason, const char* why) {
    Asked a{.what = "clients.close_all", .to = agent};
    a.name = why == nullptr ? "" : why;
    a.number = reason;
    return of(h).ask(std::move(a));
  }
  static cm_status client_bind(const cm_host* h, const cm_client* client) {
    return of(h).ask({.what = "clients.bind", .clients = {*client}});
  }
  static cm_status client_unbind(const cm_host* h, const cm_client* client) {
    return of(h).ask({.what = "clients.unbind", .clients = {*client}});
  }

  static cm_status timer_start(const cm_host* h, std::uint64_t delay, std::uint64_t period, const char* handler,
                               const std::uint8_t* cookie, std::size_t cookie_size, cm_timer* out) {
    Asked a{.what = "timer"};
    a.name = handler;
    a.cookie = text(cookie, cookie_size);
    a.number = static_cast<std::int64_t>(delay);
    a.period = static_cast<std::int64_t>(period);
    if (out != nullptr) *out = of(h).next_timer_++;
    return of(h).ask(std::move(a));
  }
  static cm_status timer_cancel(const cm_host* h, cm_timer timer) {
    Asked a{.what = "cancel"};
    a.number = static_cast<std::int64_t>(timer);
    return of(h).ask(std::move(a));
  }
  static std::uint64_t now_ms(const cm_host* h) { return of(h).now; }

  static cm_status settings_get(const cm_host* h, void (*sink)(void*, const std::uint8_t*, std::size_t), void* ctx) {
    if (!of(h).has_settings) return CM_NOT_FOUND;
    sink(ctx, bytes(of(h).settings), of(h).settings.size());
    return CM_OK;
  }

  static cm_service_info info(const FakeHost::Peer& peer) {
    cm_service_info i{};
    i.struct_size = sizeof i;
    i.service = peer.ref;
    i.id = peer.id.c_str();
    i.kind = peer.kind.c_str();
    i.group = "test";
    i.load_known = peer.load >= 0 ? 1 : 0;
    i.load = peer.load >= 0 ? static_cast<std::uint64_t>(peer.load) : 0;
    i.public_address = peer.public_address.c_str();
    return i;
  }
  static cm_service find(const cm_host* h, const char* id) {
    const std::string_view name = id;
    if (name.find('#') == std::string_view::npos || name.find('@') == std::string_view::npos) return 0;
    for (const auto& peer : of(h).peers_) {
      if (peer.id == name) return peer.ref;
    }
    const cm_service ref = of(h).up(id);
    of(h).down(id);
    return ref;
  }
  static cm_status get(const cm_host* h, cm_service service, void (*visit)(void*, const cm_service_info*), void* ctx) {
    const auto* peer = of(h).find(service);
    if (peer == nullptr || !peer->up) return CM_UNAVAILABLE;
    const cm_service_info i = info(*peer);
    visit(ctx, &i);
    return CM_OK;
  }
  static std::size_t name(const cm_host* h, cm_service service, char* buffer, std::size_t size) {
    const auto* peer = of(h).find(service);
    if (peer == nullptr) return 0;
    const std::size_t n = std::min(size - 1, peer->id.size());
    std::copy_n(peer->id.data(), n, buffer);
    buffer[n] = '\0';
    return peer->id.size();
  }
  static cm_service pick(const cm_host* h, const char* kind) {
    const FakeHost::Peer* best = nullptr;
    for (const auto& peer : of(h).peers_) {
      if (peer.up && peer.kind == kind && (best == nullptr || peer.load < best->load)) best = &peer;
    }
    return best == nullptr ? 0 : best->ref;
  }
  static void list(const cm_host* h, const char* kind, void (*visit)(void*, const cm_service_info*), void* ctx) {
    for (const auto& peer : of(h).peers_) {
      if (!peer.up || peer.kind != kind) continue;
      const cm_service_info i = info(peer);
      visit(ctx, &i);
    }
  }
  static void set_load(const cm_host* h, std::uint64_t load) {
    Asked a{.what = "load"};
    a.number = static_cast<std::int64_t>(load);
    of(h).ask(std::move(a));
  }
  static void set_load_of(const cm_host* h, cm_service service, std::uint64_t load, std::uint32_t ttl) {
    Asked a{.what = "load_of", .to = service};
    a.number = static_cast<std::int64_t>(load);
    a.period = ttl;
    of(h).ask(std::move(a));
  }

  static cm_status publish(const cm_host* h, const char* channel, std::uint16_t id, const std::uint8_t* body,
                           std::size_t size) {
    Asked a{.what = "publish"};
    a.id = id;
    a.body = text(body, size);
    a.name = channel;
    return of(h).ask(std::move(a));
  }
  static cm_status subscribe(const cm_host* h, const char* channel, const char* handler, const std::uint8_t* cookie,
                             std::size_t cookie_size) {
    Asked a{.what = "subscribe"};
    a.body = channel;
    a.name = handler;
    a.cookie = text(cookie, cookie_size);
    return of(h).ask(std::move(a));
  }
  static cm_status unsubscribe(const cm_host* h, const char* channel) {
    Asked a{.what = "unsubscribe"};
    a.body = channel;
    return of(h).ask(std::move(a));
  }

  static cm_metric metric_get(const cm_host* h, const char* name) {
    of(h).metric_names_.emplace_back(name);
    return static_cast<cm_metric>(of(h).metric_names_.size());
  }
  static void metric_add(const cm_host* h, cm_metric metric, std::int64_t n) {
    of(h).metrics[of(h).metric_names_.at(metric - 1)] += n;
  }
  static void metric_set(const cm_host* h, cm_metric metric, std::int64_t value) {
    of(h).metrics[of(h).metric_names_.at(metric - 1)] = value;
  }

  static cm_status offload(const cm_host* h, cm_job job, const std::uint8_t* input, std::size_t size,
                           const char* handler, const std::uint8_t* cookie, std::size_t cookie_size) {
    Asked a{.what = "offload"};
    a.body = text(input, size);
    a.name = handler;
    a.cookie = text(cookie, cookie_size);
    a.job = job;
    return of(h).ask(std::move(a));
  }

  static cm_status open(const cm_host* h, const cm_frontend_options* options, std::uint16_t* port) {
    Asked a{.what = "gateway.open"};
    a.name = options->address == nullptr ? "" : options->address;
    a.number = options->port;
    of(h).frontend = *options;
    if (port != nullptr) *port = 4711;
    return of(h).ask(std::move(a));
  }
  static cm_status update(const cm_host* h, const cm_frontend_options* options) {
    of(h).frontend = *options;
    return of(h).ask({.what = "gateway.update"});
  }
  static cm_status intercept(const cm_host* h, std::uint16_t id) {
    Asked a{.what = "gateway.intercept"};
    a.id = id;
    return of(h).ask(std::move(a));
  }
  static cm_status release(const cm_host* h, const cm_client* client) {
    return of(h).ask({.what = "gateway.release", .clients = {*client}});
  }
  static cm_status admit(const cm_host* h, const cm_client* client) {
    return of(h).ask({.what = "gateway.admit", .clients = {*client}});
  }
  static cm_status bind(const cm_host* h, const cm_client* client, cm_service service) {
    return of(h).ask({.what = "gateway.bind", .to = service, .clients = {*client}});
  }
  static cm_status unbind(const cm_host* h, const cm_client* client, const char* kind) {
    Asked a{.what = "gateway.unbind", .clients = {*client}};
    a.name = kind;
    return of(h).ask(std::move(a));
  }
  static std::uint64_t count(const cm_host* h, std::uint64_t* admitted) {
    if (admitted != nullptr) *admitted = of(h).client_count;
    return of(h).client_count;
  }

  static void write(const cm_host* h, cm_log_level /*level*/, const char* line, std::size_t size) {
    of(h).lines.emplace_back(line, size);
  }
  static std::int32_t enabled(const cm_host* h, cm_log_level level) { return level >= of(h).log_level ? 1 : 0; }

  static const void* extension(const cm_host* h, const char* id) {
    static constexpr cm_host_log log{sizeof log, 0, write, enabled};
    static constexpr cm_host_message message{sizeof message, 0, send, call, reply, reply_status};
    static constexpr cm_host_clients clients{sizeof clients, 0,          to_client, to_clients,  broadcast,
                                             close,          close_list, close_all, client_bind, client_unbind};
    static constexpr cm_host_timer timer{sizeof timer, 0, timer_start, timer_cancel, now_ms};
    static constexpr cm_host_settings settings{sizeof settings, 0, settings_get};
    static constexpr cm_host_directory directory{sizeof directory, 0,          find, get, name, pick, list,
                                                 set_load,         set_load_of};
    static constexpr cm_host_channel channel{sizeof channel, 0, publish, subscribe, unsubscribe};
    static constexpr cm_host_metrics metrics{sizeof metrics, 0, metric_get, metric_add, metric_set};
    static constexpr cm_host_offload jobs{sizeof jobs, 0, offload};
    static constexpr cm_host_gateway gateway{sizeof gateway, 0,     open, update, intercept,
                                             release,        admit, bind, unbind, count};
    const std::map<std::string, const void*> known{{CM_EXT_LOG, &log},           {CM_EXT_MESSAGE, &message},
                                                   {CM_EXT_CLIENTS, &clients},   {CM_EXT_TIMER, &timer},
                                                   {CM_EXT_SETTINGS, &settings}, {CM_EXT_DIRECTORY, &directory},
                                                   {CM_EXT_CHANNEL, &channel},   {CM_EXT_METRICS, &metrics},
                                                   {CM_EXT_OFFLOAD, &jobs},      {CM_EXT_GATEWAY, &gateway}};
    const auto found = known.find(id);
    return found == known.end() || of(h).missing.contains(id) ? nullptr : found->second;
  }
};

FakeHost::FakeHost(const std::string& id, std::optional<std::string> with_settings)
    : settings(with_settings.value_or("")),
      has_settings(with_settings.has_value()),
      id_(id),
      kind_(id.substr(0, id.find('#'))),
      group_(id.substr(id.find('@') + 1)) {
  host_.struct_size = sizeof host_;
  host_.abi_major = CM_ABI_MAJOR;
  host_.abi_minor = CM_ABI_MINOR;
  host_.host_data = this;
  host_.service_id = id_.c_str();
  host_.kind = kind_.c_str();
  host_.group = group_.c_str();
  host_.self = up(id);
  host_.get_extension = &FakeHostTables::extension;
  host_.report_fault = [](const cm_host* h, const char* what) { of(h).faults.emplace_back(what); };
}

cm_service FakeHost::up(const std::string& id, const std::string& public_address, std::int64_t load) {
  for (auto& peer : peers_) {
    if (peer.id != id) continue;
    peer.up = true;
    peer.public_address = public_address;
    peer.load = load;
    return peer.ref;
  }
  const auto ref = static_cast<cm_service>(peers_.size() + 1);
  peers_.push_back({ref, id, id.substr(0, id.find('#')), public_address, load, true});
  return ref;
}

void FakeHost::down(const std::string& id) {
  for (auto& peer : peers_) {
    if (peer.id == id) peer.up = false;
  }
}

FakeHost::Peer* FakeHost::find(cm_service ref) { return ref == 0 || ref > peers_.size() ? nullptr : &peers_[ref - 1]; }

cm_status FakeHost::ask(Asked what) {
  asked.push_back(std::move(what));
  return answer ? answer(asked.back()) : CM_OK;
}

std::vector<Asked> FakeHost::take() { return std::exchange(asked, {}); }

std::vector<Asked> FakeHost::take(std::string_view what) {
  auto all = take();
  std::erase_if(all, [&](const Asked& a) { return a.what != what; });
  return all;
}

cm_status Running::message(const cm_request& request, std::uint16_t id, const std::string& body) {
  cm_message message{};
  message.struct_size = sizeof message;
  message.id = id;
  message.request = request;
  message.body = bytes(body);
  message.body_size = body.size();
  return kind_.on_message(self_, &message);
}

cm_status Running::answer(const Asked& call, std::uint16_t id, const std::string& body, cm_status status) {
  cm_reply reply{};
  reply.struct_size = sizeof reply;
  reply.status = status;
  reply.handler = call.name.c_str();
  reply.cookie = bytes(call.cookie);
  reply.cookie_size = call.cookie.size();
  reply.id = id;
  reply.body = bytes(body);
  reply.body_size = body.size();
  reply.from = call.to;
  return extension<cm_plugin_message>(CM_EXT_MESSAGE)->on_reply(self_, &reply);
}

cm_status Running::fire(const Asked& timer) {
  return extension<cm_plugin_timer>(CM_EXT_TIMER)
      ->on_timer(self_, 1, timer.name.c_str(), bytes(timer.cookie), timer.cookie.size());
}

cm_status Running::run(const Asked& job) {
  std::string result;
  cm_job_output output{&result, [](cm_job_output* to, const std::uint8_t* data, std::size_t size) -> cm_status {
                         static_cast<std::string*>(to->host_data)->append(reinterpret_cast<const char*>(data), size);
                         return CM_OK;
                       }};
  const cm_status status = job.job(bytes(job.body), job.body.size(), &output);
  return extension<cm_plugin_offload>(CM_EXT_OFFLOAD)
      ->on_job(self_, job.name.c_str(), status, bytes(result), result.size(), bytes(job.cookie), job.cookie.size());
}

cm_status Running::publish(const std::string& channel, const std::string& handler, const std::string& cookie,
                           std::uint16_t id, const std::string& body, std::uint64_t lost, cm_service from) {
  cm_channel_message message{};
  message.struct_size = sizeof message;
  message.id = id;
  message.channel = channel.c_str();
  message.handler = handler.c_str();
  message.cookie = bytes(cookie);
  message.cookie_size = cookie.size();
  message.body = bytes(body);
  message.body_size = body.size();
  message.lost = lost;
  message.from = from;
  return extension<cm_plugin_channel>(CM_EXT_CHANNEL)->on_channel(self_, &message);
}

cm_status Running::change_settings(const std::string& data) {
  return extension<cm_plugin_settings>(CM_EXT_SETTINGS)->on_settings(self_, bytes(data), data.size());
}

void Running::client_opened(const cm_client& client) {
  extension<cm_plugin_gateway>(CM_EXT_GATEWAY)->on_client_opened(self_, &client);
}

void Running::client_closed(const cm_client& client, cm_close_reason reason) {
  extension<cm_plugin_clients>(CM_EXT_CLIENTS)->on_client_closed(self_, &client, reason);
}

void Running::rebound(const cm_client& client, cm_service from, cm_service to) {
  extension<cm_plugin_gateway>(CM_EXT_GATEWAY)->on_rebound(self_, &client, from, to);
}

void Running::service(cm_service which, bool up) {
  extension<cm_plugin_directory>(CM_EXT_DIRECTORY)->on_service(self_, which, up ? 1 : 0);
}

}  // namespace cm::test
