// SPDX-License-Identifier: MIT
//
// What a host brings to its service, as hooks.
#include <algorithm>
#include <stdexcept>

#include "cellmesh/abi/channel.h"
#include "cellmesh/abi/client_address.h"
#include "cellmesh/abi/client_origin.h"
#include "cellmesh/abi/directory.h"
#include "cellmesh/abi/kv.h"
#include "cellmesh/abi/settings.h"
#include "host_side.hpp"

namespace cellmesh::test {

using detail::bytes_of;
using detail::HostSide;

namespace detail {

cm_status HostSide::on_message(const cm_request& request, std::uint16_t id, std::string_view body) {
  cm_message message{};
  message.struct_size = sizeof message;
  message.id = id;
  message.request = request;
  message.body = bytes_of(body);
  message.body_size = body.size();
  return fenced("on_message", id, [&] { return now->kind->on_message(now->self, &message); });
}

cm_status HostSide::on_reply(const WaitingCall& call, cm_status status, std::uint16_t id, std::string_view body) {
  const auto* extension = plugin<cm_plugin_message>(CM_EXT_MESSAGE);
  if (extension == nullptr || extension->on_reply == nullptr) return CM_UNHANDLED;
  cm_reply reply{};
  reply.struct_size = sizeof reply;
  reply.status = status;
  reply.handler = call.handler.c_str();
  reply.cookie = bytes_of(call.cookie);
  reply.cookie_size = call.cookie.size();
  reply.from = call.to;
  if (status == CM_OK) {
    reply.id = id;
    reply.body = bytes_of(body);
    reply.body_size = body.size();
  }
  const std::string hook = "on_reply " + call.handler;
  return told(fenced(hook, reply.id, [&] { return extension->on_reply(now->self, &reply); }), hook);
}

cm_status HostSide::on_timer(cm_timer number) {
  const auto found = timers.find(number);
  const WaitingTimer timer = found->second;
  if (timer.period_ms > 0) {
    found->second.due_ms += timer.period_ms;
  } else {
    timers.erase(found);
  }
  const auto* extension = plugin<cm_plugin_timer>(CM_EXT_TIMER);
  if (extension == nullptr || extension->on_timer == nullptr) return CM_UNHANDLED;
  const std::string hook = "on_timer " + timer.handler;
  return told(fenced(hook, 0,
                     [&] {
                       return extension->on_timer(now->self, number, timer.handler.c_str(), bytes_of(timer.cookie),
                                                  timer.cookie.size());
                     }),
              hook);
}

void HostSide::entry(const std::string& entry_name, std::optional<std::string> value) {
  const auto found = entries.find(entry_name);
  if (value ? found != entries.end() && found->second == *value : found == entries.end()) return;
  if (watched(entry_name)) entries_to_tell[entry_name] = value;
  if (value) {
    entries[entry_name] = std::move(*value);
  } else {
    entries.erase(found);
  }
}

bool HostSide::watched(std::string_view entry_name) const {
  return std::any_of(watches.begin(), watches.end(),
                     [&](const std::string& prefix) { return entry_name.starts_with(prefix); });
}

void HostSide::tell_entry(const std::string& entry_name, const std::optional<std::string>& value) {
  const auto* extension = plugin<cm_plugin_kv>(CM_EXT_KV);
  if (extension == nullptr || extension->on_entry == nullptr) return;
  static_cast<void>(fenced("on_entry " + entry_name, 0, [&] {
    cm_kv_entry told_of{};
    told_of.struct_size = sizeof told_of;
    told_of.gone = value ? 0 : 1;
    told_of.name = entry_name.c_str();
    told_of.value = value ? bytes_of(*value) : nullptr;
    told_of.size = value ? value->size() : 0;
    extension->on_entry(now->self, &told_of);
    return CM_OK;
  }));
}

}  // namespace detail

namespace {

cm_status append(cm_job_output* output, const std::uint8_t* data, std::size_t size) {
  if (output == nullptr || output->host_data == nullptr || (data == nullptr && size != 0)) return CM_INVALID;
  auto& bytes = *static_cast<std::string*>(output->host_data);
  if (size > CM_MAX_SERVICE_BODY - bytes.size()) return CM_TOO_LARGE;
  bytes.append(detail::text_of(data, size));
  return CM_OK;
}

// Takes a call out of those that wait; nothing when it does not.
std::optional<WaitingCall> take_call(HostSide& side, std::uint64_t number) {
  const auto found = side.calls.find(number);
  if (found == side.calls.end()) return std::nullopt;
  WaitingCall call = std::move(found->second);
  side.calls.erase(found);
  return call;
}

}  // namespace

cm_status MemoryHost::deliver(const cm_request& request, std::uint16_t id, std::string_view body) {
  const cm_status status = side_->on_message(request, id, body);
  side_->settle();
  return status;
}

cm_status MemoryHost::answer(std::uint64_t call, std::uint16_t id, std::string_view body) {
  const auto waiting = take_call(*side_, call);
  if (!waiting) return CM_NOT_FOUND;
  const cm_status status = side_->on_reply(*waiting, CM_OK, id, body);
  side_->settle();
  return status;
}

cm_status MemoryHost::fail(std::uint64_t call, cm_status why) {
  const auto waiting = take_call(*side_, call);
  if (!waiting) return CM_NOT_FOUND;
  const cm_status status = side_->on_reply(*waiting, why, 0, {});
  side_->settle();
  return status;
}

cm_status MemoryHost::publish(const std::string& channel, std::uint16_t id, std::string_view body, std::uint64_t lost,
                              cm_service from) {
  HostSide& side = *side_;
  const auto found = side.subscriptions.find(channel);
  if (found == side.subscriptions.end()) return CM_NOT_FOUND;
  const Subscription subscription = found->second;  // the handler may end it
  const auto* extension = side.plugin<cm_plugin_channel>(CM_EXT_CHANNEL);
  if (extension == nullptr || extension->on_channel == nullptr) {
    // A plugin without channels knows these as the plain messages that they carry.
    if (!subscription.handler.empty() || id == 0) return CM_UNHANDLED;
    return deliver({from, 0, 0, {}}, id, body);
  }
  cm_channel_message message{};
  message.struct_size = sizeof message;
  message.id = id;
  message.channel = subscription.channel.c_str();
  message.handler = subscription.handler.c_str();
  message.cookie = bytes_of(subscription.cookie);
  message.cookie_size = subscription.cookie.size();
  message.body = bytes_of(body);
  message.body_size = body.size();
  message.lost = lost;
  message.from = from;
  const std::string hook = "on_channel " + subscription.handler;
  const cm_status status = side.fenced(hook, id, [&] { return extension->on_channel(side.now->self, &message); });
  side.settle();
  return status;
}

cm_status MemoryHost::run_job() {
  HostSide& side = *side_;
  if (side.jobs.empty()) return CM_NOT_FOUND;
  const WaitingJob job = std::move(side.jobs.front());
  side.jobs.pop_front();
  const std::string hook = "on_job " + job.handler;
  std::string result;
  cm_job_output output{&result, &append};
  cm_status done = CM_FAULT;
  side.in_job = true;
  try {
    done = job.work(bytes_of(job.input), job.input.size(), &output);
  } catch (...) {
    side.faults.push_back({"job " + job.handler, 0, "an exception left the job"});
    result.clear();
  }
  side.in_job = false;
  const auto* extension = side.plugin<cm_plugin_offload>(CM_EXT_OFFLOAD);
  if (extension == nullptr || extension->on_job == nullptr) return CM_UNHANDLED;
  const cm_status status = side.fenced(hook, 0, [&] {
    return extension->on_job(side.now->self, job.handler.c_str(), done, bytes_of(result), result.size(),
                             bytes_of(job.cookie), job.cookie.size());
  });
  side.settle();
  return side.told(status, hook);
}

cm_status MemoryHost::change_settings(std::string bytes) {
  HostSide& side = *side_;
  side.settings = std::move(bytes);
  const auto* extension = side.plugin<cm_plugin_settings>(CM_EXT_SETTINGS);
  if (extension == nullptr || extension->on_settings == nullptr) return CM_UNHANDLED;
  const std::string copy = *side.settings;
  return side.drive("on_settings", 0,
                    [&] { return extension->on_settings(side.now->self, bytes_of(copy), copy.size()); });
}

void MemoryHost::entry(const std::string& name, std::optional<std::string> value) {
  side_->entry(name, std::move(value));
  side_->settle();
}

void MemoryHost::client_opened(const cm_client& client, const std::string& address, cm_transport transport) {
  HostSide& side = *side_;
  if (client.agent == side.ref) side.clients.emplace(client.session, false);
  const auto* from = side.plugin<cm_plugin_client_address>(CM_EXT_CLIENT_ADDRESS);
  if (from != nullptr && from->on_client_address != nullptr) {
    static_cast<void>(side.drive("on_client_address", 0, [&] {
      from->on_client_address(side.now->self, &client, address.c_str());
      return CM_OK;
    }));
  }
  const auto* origin = side.plugin<cm_plugin_client_origin>(CM_EXT_CLIENT_ORIGIN);
  if (origin != nullptr && origin->on_client_origin != nullptr) {
    static_cast<void>(side.drive("on_client_origin", 0, [&] {
      const cm_client_origin came{sizeof came, transport, address.c_str()};
      origin->on_client_origin(side.now->self, &client, &came);
      return CM_OK;
    }));
  }
  const auto* extension = side.plugin<cm_plugin_gateway>(CM_EXT_GATEWAY);
  if (extension == nullptr || extension->on_client_opened == nullptr) return;
  static_cast<void>(side.drive("on_client_opened", 0, [&] {
    extension->on_client_opened(side.now->self, &client);
    return CM_OK;
  }));
}

void MemoryHost::client_closed(const cm_client& client, cm_close_reason reason) {
  HostSide& side = *side_;
  if (client.agent == side.ref) side.clients.erase(client.session);
  const auto* extension = side.plugin<cm_plugin_clients>(CM_EXT_CLIENTS);
  if (extension == nullptr || extension->on_client_closed == nullptr) return;
  static_cast<void>(side.drive("on_client_closed", 0, [&] {
    extension->on_client_closed(side.now->self, &client, reason);
    return CM_OK;
  }));
}

void MemoryHost::rebound(const cm_client& client, cm_service from, cm_service to) {
  HostSide& side = *side_;
  const auto* extension = side.plugin<cm_plugin_gateway>(CM_EXT_GATEWAY);
  if (extension == nullptr || extension->on_rebound == nullptr) return;
  static_cast<void>(side.drive("on_rebound", 0, [&] {
    extension->on_rebound(side.now->self, &client, from, to);
    return CM_OK;
  }));
}

}  // namespace cellmesh::test
