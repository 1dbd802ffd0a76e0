// Envelopes, timers and results on their way into the plugin's hooks. Service thread only.
#include <algorithm>

#include "client.pb.h"
#include "hub.pb.h"
#include "plugin/service.hpp"
#include "plugin/service_fence.hpp"
#include "plugin/shared_kv.hpp"
#include "plugin/text.hpp"
#include "routing/message_id.hpp"

namespace cm::plugin {
namespace {

using routing::Envelope;
using routing::Kind;
using routing::ServiceRef;

cm_client to_abi(routing::ClientId client) { return {static_cast<cm_service>(client.agent), 0, client.session}; }

const std::uint8_t* bytes(std::span<const std::byte> body) {
  return reinterpret_cast<const std::uint8_t*>(body.data());
}
const std::uint8_t* bytes(const std::string& text) { return reinterpret_cast<const std::uint8_t*>(text.data()); }

}  // namespace

Envelope Service::envelope(Kind kind, ServiceRef to) const {
  Envelope e;
  e.kind = kind;
  e.to = to;
  e.from = ref_;
  return e;
}

cm_status Service::send(const Envelope& e) {
  switch (routing::Registry::deliver(view_.get(), e)) {
    case routing::Delivery::sent:
      return CM_OK;
    case routing::Delivery::full:
      return CM_BACKPRESSURE;
    case routing::Delivery::too_large:
      return CM_TOO_LARGE;
    case routing::Delivery::gone:
      break;
  }
  return CM_UNAVAILABLE;
}

void Service::dispatch(const Envelope& e) {
  switch (e.kind) {
    case Kind::message:
      if (hub_.is_mine(e)) return on_hub_message(e);
      return on_message(e);
    case Kind::client_message:
    case Kind::call:
    case Kind::intercepted:
      return on_message(e);
    case Kind::reply:
      return on_reply(e);
    case Kind::service_up:
    case Kind::service_down:
      return on_service(e.from, e.kind == Kind::service_up);
    case Kind::client_closed:
      if (live_->clients_ext == nullptr || live_->clients_ext->on_client_closed == nullptr) return;
      (void)fenced({.hook = "on_client_closed", .client = e.client}, [&] {
        const cm_client client = to_abi(e.client);
        live_->clients_ext->on_client_closed(live_->self, &client, e.status);
        return CM_OK;
      });
      return;
    case Kind::client_opened:
      on_client_address(e);
      if (live_->gateway_ext == nullptr || live_->gateway_ext->on_client_opened == nullptr) return;
      (void)fenced({.hook = "on_client_opened", .client = e.client}, [&] {
        const cm_client client = to_abi(e.client);
        live_->gateway_ext->on_client_opened(live_->self, &client);
        return CM_OK;
      });
      return;
    case Kind::rebound:
      if (live_->gateway_ext == nullptr || live_->gateway_ext->on_rebound == nullptr) return;
      (void)fenced({.hook = "on_rebound", .client = e.client}, [&] {
        const cm_client client = to_abi(e.client);
        live_->gateway_ext->on_rebound(live_->self, &client, static_cast<cm_service>(e.from),
                                       static_cast<cm_service>(e.call));
        return CM_OK;
      });
      return;
    default:
      ++counters_.strays;
  }
}

void Service::on_client_address(const Envelope& e) {
  const std::string address(reinterpret_cast<const char*>(e.body.data()), e.body.size());
  const cm_client client = to_abi(e.client);
  if (const auto* ext = live_->address_ext; ext != nullptr && ext->on_client_address != nullptr) {
    (void)fenced({.hook = "on_client_address", .client = e.client}, [&] {
      ext->on_client_address(live_->self, &client, address.c_str());
      return CM_OK;
    });
  }
  if (const auto* ext = live_->origin_ext; ext != nullptr && ext->on_client_origin != nullptr) {
    (void)fenced({.hook = "on_client_origin", .client = e.client}, [&] {
      const cm_client_origin origin{sizeof origin, e.status, address.c_str()};
      ext->on_client_origin(live_->self, &client, &origin);
      return CM_OK;
    });
  }
}

void Service::on_message(const Envelope& e) {
  const bool of_client = e.kind == Kind::client_message || e.kind == Kind::intercepted;
  cm_message message{};
  message.struct_size = sizeof message;
  message.id = e.msg_id;
  message.request.from = of_client ? 0 : static_cast<cm_service>(e.from);
  message.request.call = e.kind == Kind::call ? e.call : 0;
  message.request.client = to_abi(e.client);
  message.body = bytes(e.body);
  message.body_size = e.body.size();
  counters_.handled.fetch_add(1, std::memory_order_relaxed);
  const cm_status status = fenced({.hook = "on_message", .msg_id = e.msg_id, .from = e.from, .client = e.client},
                                  [&] { return live_->kind->on_message(live_->self, &message); });
  if (status == CM_OK) return;
  if (status == CM_BAD_MESSAGE) ++counters_.bad_messages;
  if (status == CM_UNHANDLED || status == CM_REFUSED) ++counters_.refused;
  answer_failure(e, status);
}

// Tells the sender of a message that came to nothing.
void Service::answer_failure(const Envelope& e, cm_status status) {
  if (e.kind == Kind::call) {
    auto reply = envelope(Kind::reply, e.from);
    reply.call = e.call;
    reply.status = status;
    (void)send(reply);
    return;
  }
  if (e.kind != Kind::client_message && e.kind != Kind::intercepted) return;
  notify_client(e.client, e.msg_id, status);
  if (e.kind == Kind::intercepted) {  // else its next messages would wait for ever
    auto release = envelope(Kind::release, e.client.agent);
    release.client = e.client;
    (void)send(release);
  }
}

void Service::notify_client(routing::ClientId client, std::uint16_t msg_id, cm_status status) {
  proto::NoticeACK notice;
  notice.set_msg_id(msg_id);
  notice.set_service(id_);
  switch (status) {
    case CM_BAD_MESSAGE:
      notice.set_code(proto::NoticeACK::MessageMalformed);
      notice.set_text("the service could not read this message");
      break;
    case CM_UNHANDLED:
      notice.set_code(proto::NoticeACK::MessageRefused);
      notice.set_text("the service has no handler for this message");
      break;
    case CM_REFUSED:
      notice.set_code(proto::NoticeACK::MessageRefused);
      notice.set_text("the service refused this message");
      break;
    case CM_STOPPING:
      notice.set_code(proto::NoticeACK::MessageFailed);
      notice.set_text("the service went down before it handled this message");
      break;
    default:
      notice.set_code(proto::NoticeACK::MessageFailed);
      notice.set_text("the service failed while it handled this message");
  }
  const std::string body = notice.SerializeAsString();
  auto e = envelope(Kind::to_client, client.agent);
  e.client = client;
  e.msg_id = routing::kNoticeId;
  e.status = routing::kNoticeSince;
  e.body = std::as_bytes(std::span(body));
  (void)send(e);
}

void Service::on_reply(const Envelope& e) {
  const Call* waiting = calls_.find(e.call);
  if (waiting == nullptr || waiting->to != e.from) {
    ++counters_.strays;
    return;
  }
  const auto call = calls_.take(e.call);
  finish_call(*call, e.status, &e);
}

void Service::finish_call(const Call& call, cm_status status, const Envelope* reply) {
  if (live_->message_ext == nullptr || live_->message_ext->on_reply == nullptr) {
    ++counters_.strays;
    return;
  }
  cm_reply out{};
  out.struct_size = sizeof out;
  out.status = status;
  out.handler = call.handler.c_str();
  out.cookie = bytes(call.cookie);
  out.cookie_size = call.cookie.size();
  out.from = static_cast<cm_service>(call.to);
  if (status == CM_OK && reply != nullptr) {
    out.id = reply->msg_id;
    out.body = bytes(reply->body);
    out.body_size = reply->body.size();
  }
  const cm_status result = fenced({.hook = "on_reply", .handler = call.handler, .msg_id = out.id, .from = call.to},
                                  [&] { return live_->message_ext->on_reply(live_->self, &out); });
  if (result == CM_UNHANDLED) ++counters_.refused;
  if (result == CM_BAD_MESSAGE) ++counters_.bad_messages;
}

void Service::on_service(ServiceRef ref, bool up) {
  if (ref == ref_) return;
  if (!up) {
    for (const auto number : calls_.ids_if([&](const Call& call) { return call.to == ref; })) {
      if (const auto call = calls_.take(number)) finish_call(*call, CM_UNAVAILABLE, nullptr);
    }
    hub_.service_down(ref);
  }
  const bool news = up ? known_up_.insert(ref).second : known_up_.erase(ref) != 0;
  if (!news || live_->directory_ext == nullptr || live_->directory_ext->on_service == nullptr) return;
  (void)fenced({.hook = "on_service", .from = ref}, [&] {
    live_->directory_ext->on_service(live_->self, static_cast<cm_service>(ref), up ? 1 : 0);
    return CM_OK;
  });
}

void Service::on_hub_message(const Envelope& e) {
  proto::ChannelMessageACK in;
  const auto received = hub_.receive(e, in);
  if (!received) return;
  const auto id = static_cast<std::uint16_t>(in.msg_id());
  if (received->of_host && id == StatusReports::kMessageId) StatusReports::apply(registry(), view_.get(), in.body());
  if (!received->subscription.of_plugin) return;
  const auto from = static_cast<cm_service>(names().mention(in.from()));
  const auto& [handler, cookie, of_plugin, at] = received->subscription;
  if (live_->channel_ext == nullptr || live_->channel_ext->on_channel == nullptr) {
    // A plugin without channels knows these as the plain messages that they carry.
    if (!handler.empty() || id == 0) return;
    auto plain = envelope(Kind::message, ref_);
    plain.msg_id = id;
    plain.from = static_cast<ServiceRef>(from);
    plain.body = std::as_bytes(std::span(in.body()));
    return on_message(plain);
  }
  cm_channel_message message{};
  message.struct_size = sizeof message;
  message.id = id;
  message.channel = in.channel().c_str();
  message.handler = handler.c_str();
  message.cookie = bytes(cookie);
  message.cookie_size = cookie.size();
  message.body = bytes(in.body());
  message.body_size = in.body().size();
  message.lost = in.lost();
  message.from = from;
  counters_.handled.fetch_add(1, std::memory_order_relaxed);
  const cm_status status =
      fenced({.hook = "on_channel", .handler = handler, .msg_id = id, .from = static_cast<ServiceRef>(from)},
             [&] { return live_->channel_ext->on_channel(live_->self, &message); });
  if (status == CM_UNHANDLED) ++counters_.refused;
  if (status == CM_BAD_MESSAGE) ++counters_.bad_messages;
}

void Service::on_timer(std::uint64_t number) {
  Timer* found = timers_.find(number);
  if (found == nullptr) return;  // cancelled by one before it
  Timer timer;
  if (found->period > 0) {
    timer = *found;
    const std::int64_t now = now_ms();
    found->due += found->period;
    if (found->due <= now) found->due += ((now - found->due) / found->period + 1) * found->period;
    timers_.move_deadline(number, found->due);
  } else {
    timer = std::move(*found);
    (void)timers_.take(number);
  }
  if (live_->timer_ext == nullptr || live_->timer_ext->on_timer == nullptr) return;
  const cm_status status = fenced({.hook = "on_timer", .handler = timer.handler}, [&] {
    return live_->timer_ext->on_timer(live_->self, number, timer.handler.c_str(), bytes(timer.cookie),
                                      timer.cookie.size());
  });
  if (status == CM_UNHANDLED) ++counters_.refused;
}

void Service::on_settings(std::string data) {
  auto& settings = live_->settings;
  settings = std::move(data);
  if (live_->settings_ext == nullptr || live_->settings_ext->on_settings == nullptr) return;
  const cm_status status = fenced({.hook = "on_settings"}, [&] {
    return live_->settings_ext->on_settings(live_->self, bytes(*settings), settings->size());
  });
  if (status != CM_OK) log(spdlog::level::warn, "it did not take its changed settings: " + status_text(status));
}

void Service::on_entry(const std::string& name, const std::string* value) {
  if (live_->kv_ext == nullptr || live_->kv_ext->on_entry == nullptr) return;
  (void)fenced({.hook = "on_entry", .handler = name}, [&] {
    cm_kv_entry entry{};
    entry.struct_size = sizeof entry;
    entry.gone = value == nullptr ? 1 : 0;
    entry.name = name.c_str();
    entry.value = value != nullptr ? bytes(*value) : nullptr;
    entry.size = value != nullptr ? value->size() : 0;
    live_->kv_ext->on_entry(live_->self, &entry);
    return CM_OK;
  });
}

// To a generation that has just taken over.
void Service::tell_entries_again() {
  if (surroundings_.kv == nullptr) return;
  for (const auto& [name, value] : surroundings_.kv->watched_by(ref_)) on_entry(name, &value);
}

void Service::on_job(const JobResult& result) {
  --jobs_out_count_;
  if (const auto it = jobs_out_.find(result.handler); --it->second == 0) jobs_out_.erase(it);
  if (!result.fault.empty()) count_fault({.hook = "job", .handler = result.handler}, result.fault);
  if (live_->offload_ext == nullptr || live_->offload_ext->on_job == nullptr) return;
  const cm_status status = fenced({.hook = "on_job", .handler = result.handler}, [&] {
    return live_->offload_ext->on_job(live_->self, result.handler.c_str(), result.status, bytes(result.output),
                                      result.output.size(), bytes(result.cookie), result.cookie.size());
  });
  if (status == CM_UNHANDLED) ++counters_.refused;
}

}  // namespace cm::plugin
