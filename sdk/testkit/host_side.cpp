// SPDX-License-Identifier: MIT
#include "host_side.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "extensions.hpp"

namespace cellmesh::test::detail {
namespace {

constexpr std::size_t own_limit = 100'000;  // messages of a service to itself before it is said to be for ever

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
}

}  // namespace

std::optional<ServiceName> ServiceName::parse(std::string_view id) {
  const auto hash = id.find('#');
  const auto at = id.find('@', hash == std::string_view::npos ? 0 : hash);
  if (hash == std::string_view::npos || at == std::string_view::npos) return std::nullopt;
  const std::string_view index = id.substr(hash + 1, at - hash - 1);
  ServiceName name{std::string(id.substr(0, hash)), 0, std::string(id.substr(at + 1))};
  const auto [end, ec] = std::from_chars(index.data(), index.data() + index.size(), name.index);
  const bool good = is_word(name.kind) && is_word(name.group) && !index.empty() && index.size() <= 9 &&
                    ec == std::errc{} && end == index.data() + index.size() && (index.size() == 1 || index[0] != '0');
  return good ? std::optional(std::move(name)) : std::nullopt;
}

Generation::Generation(HostSide& of, const cm_service_kind& its_kind, std::string its_version)
    : side(of), kind(&its_kind), version(std::move(its_version)) {
  host.struct_size = sizeof host;
  host.abi_major = CM_ABI_MAJOR;
  host.abi_minor = CM_ABI_MINOR;
  host.host_data = this;
  host.service_id = side.id_text.c_str();
  host.kind = side.name.kind.c_str();
  host.group = side.name.group.c_str();
  host.index = side.name.index;
  host.self = side.ref;
  host.get_extension = &host_extension;
  host.report_fault = &host_report_fault;
}

HostSide::HostSide(const cm_service_kind& of_kind, MemoryHostOptions options)
    : id_text(options.id.empty() ? std::string(of_kind.kind) + "#0@test" : std::move(options.id)),
      missing(std::move(options.missing)),
      settings(std::move(options.settings)) {
  auto parsed = ServiceName::parse(id_text);
  if (!parsed) {
    throw std::invalid_argument("\"" + id_text + "\" is no service id; write it as name#index@group, game#0@dev");
  }
  name = std::move(*parsed);
  if (name.kind != of_kind.kind) {
    throw std::invalid_argument(id_text + " is no service of the kind " + of_kind.kind);
  }
  ref = service(id_text);
  now = std::make_unique<Generation>(*this, of_kind, std::move(options.version));
}

cm_status HostSide::note(Act act, cm_status natural) {
  act.result = natural;
  act.order = ++acts_made_;
  if (natural == CM_OK) {
    if (const auto found = refused.find(act.did); found != refused.end()) act.result = found->second;
    if (act.result == CM_OK && decide) act.result = decide(act);
  }
  acts.push_back(std::move(act));
  return acts.back().result;
}

cm_status HostSide::invalid(std::string_view why) {
  misuses.emplace_back(why);
  write_line(CM_LOG_WARN, "refused a bad call of it: " + std::string(why));
  return CM_INVALID;
}

void HostSide::report_fault(std::string_view what) {
  if (!in_hook_) {
    faults.push_back({"outside of a hook", 0, std::string(what)});
    return;
  }
  if (fault_reported_) return;  // the first says most
  fault_reported_ = true;
  fault_text_ = what;
}

void HostSide::write_line(cm_log_level level, std::string text) {
  const std::lock_guard lock(mutex);
  lines.push_back({level, std::move(text)});
}

cm_service HostSide::service(std::string_view id) {
  for (std::size_t i = 0; i < services.size(); ++i) {
    if (services[i].id == id) return static_cast<cm_service>(i + 1);
  }
  auto parsed = ServiceName::parse(id);
  if (!parsed) return 0;
  services.push_back({.id = std::string(id), .name = std::move(*parsed), .up = false, .pickable = false, .peer = {}});
  return static_cast<cm_service>(services.size());
}

KnownService* HostSide::find(cm_service service) {
  return service == 0 || service > services.size() ? nullptr : &services[service - 1];
}
const KnownService* HostSide::find(cm_service service) const {
  return service == 0 || service > services.size() ? nullptr : &services[service - 1];
}

bool HostSide::is_up(cm_service service) const {
  const KnownService* known = find(service);
  return known != nullptr && known->up;
}

std::optional<std::uint64_t> HostSide::load_of(const KnownService& known) const {
  return known.load_until_ms > now_ms ? known.peer.load : std::nullopt;
}

const void* HostSide::plugin_extension(const char* id, std::size_t size) {
  if (const auto known = now->extensions.find(id); known != now->extensions.end()) return known->second;
  const void*& found = now->extensions[id];
  const cm_status status = fenced(std::string("get_extension ") + id, 0, [&] {
    found = now->kind->get_extension(now->self, id);
    return CM_OK;
  });
  if (status != CM_OK) return found = nullptr;
  if (found == nullptr || *static_cast<const std::uint32_t*>(found) >= size) return found;  // its struct_size
  write_line(CM_LOG_WARN, std::string("its extension ") + id + " is shorter than version 1.0 of it and is not used");
  return found = nullptr;
}

cm_status HostSide::told(cm_status status, const std::string& hook) {
  if (status == CM_UNHANDLED) unhandled.push_back(hook);
  return status;
}

cm_status HostSide::create(Phase phase) {
  now->phase = phase;
  const cm_status status = fenced("create", 0, [&] {
    now->self = now->kind->create(&now->host);
    return now->self != nullptr ? CM_OK : CM_REFUSED;
  });
  if (status != CM_OK) destroy();  // it may have reported a fault and made one for all that
  return status;
}

void HostSide::enter() {
  find(ref)->up = true;
  if (name.kind == "hub") return;
  for (const std::string& channel : {name.kind, id_text}) subscriptions[channel] = {channel, "", ""};
}

void HostSide::destroy() {
  if (now->self == nullptr) return;
  now->phase = Phase::destroying;
  static_cast<void>(fenced("destroy", 0, [&] {
    now->kind->destroy(now->self);
    return CM_OK;
  }));
  now->self = nullptr;
  now->extensions.clear();
}

// What it sent to itself arrives in the order sent, behind what it was handling.
void HostSide::settle() {
  if (now->phase == Phase::stopping || now->phase == Phase::destroying)
    own.clear(), entries_to_tell.clear();  // no hook is left for it
  for (std::size_t n = 0; !own.empty() || !entries_to_tell.empty(); ++n) {
    if (n == own_limit) throw std::runtime_error(id_text + " sends messages to itself for ever");
    if (!entries_to_tell.empty()) {
      const auto changed = entries_to_tell.extract(entries_to_tell.begin());
      tell_entry(changed.key(), changed.mapped());
      continue;
    }
    const OwnMessage message = std::move(own.front());
    own.pop_front();
    if (!message.reply) {
      const cm_status status = on_message(message.request, message.id, message.body);
      if (status != CM_OK && message.request.call != 0) {
        own.push_back({.reply = true, .request = message.request, .status = status});
      }
    } else if (const auto found = calls.find(message.request.call); found != calls.end()) {
      const WaitingCall call = std::move(found->second);
      calls.erase(found);
      static_cast<void>(on_reply(call, message.status, message.id, message.body));
    }
  }
}

}  // namespace cellmesh::test::detail
