#pragma once

#include <cellmesh/testkit/memory_host.hpp>

#include <cellmesh/abi/client_address.h>
#include <cellmesh/abi/directory.h>
#include <cellmesh/abi/health.h>
#include <cellmesh/abi/kv.h>
#include <cellmesh/abi/message.h>
#include <cellmesh/abi/metrics.h>
#include <cellmesh/abi/settings.h>

#include <functional>
#include <string>
#include <vector>

namespace cm::test {

using cellmesh::test::MemoryHost;

// A service by the C ABI that does what the test says, and writes down which hooks it got.
struct Puppet {
  static inline Puppet* current = nullptr;

  const cm_host* host = nullptr;
  std::vector<std::string> seen = {};
  std::function<cm_status(const cm_message&)> message = {};
  std::function<void(const std::string& handler)> handled = {};

  template <typename Extension>
  const Extension& ext(const char* id) const {
    return *static_cast<const Extension*>(host->get_extension(host, id));
  }

  static void* create(const cm_host* host) {
    current->host = host;
    return current;
  }
  static void destroy(void* self) { of(self).seen.emplace_back("destroy"); }
  static cm_status start(void* self) { return of(self).see("start"); }
  static void stop(void* self) { of(self).seen.emplace_back("stop"); }
  static cm_status on_message(void* self, const cm_message* message) {
    return of(self).message ? of(self).message(*message) : CM_UNHANDLED;
  }
  static cm_status on_reply(void* self, const cm_reply* reply) {
    return of(self).handle(std::string(reply->handler) + " status " + std::to_string(reply->status), reply->handler);
  }
  static cm_status on_timer(void* self, cm_timer /*timer*/, const char* handler, const std::uint8_t* /*cookie*/,
                            std::size_t /*size*/) {
    return of(self).handle(handler, handler);
  }
  static cm_status on_job(void* self, const char* handler, cm_status status, const std::uint8_t* output,
                          std::size_t size, const std::uint8_t* /*cookie*/, std::size_t /*cookie_size*/) {
    return of(self).handle(std::string(handler) + " " + std::string(reinterpret_cast<const char*>(output), size) +
                               " status " + std::to_string(status),
                           handler);
  }
  static void on_service(void* self, cm_service service, std::int32_t up) {
    of(self).seen.push_back("service " + std::to_string(service) + (up != 0 ? " up" : " down"));
  }
  static void on_entry(void* self, const cm_kv_entry* entry) {
    of(self).seen.push_back(
        std::string("entry ") + entry->name + " " +
        (entry->gone != 0 ? "gone" : std::string(reinterpret_cast<const char*>(entry->value), entry->size)));
  }
  static void on_client_address(void* self, const cm_client* client, const char* address) {
    of(self).seen.push_back("address " + std::to_string(client->session) + " " + address);
  }
  static const void* get_extension(void* /*self*/, const char* id) {
    static constexpr cm_plugin_message message{sizeof message, 0, &on_reply};
    static constexpr cm_plugin_timer timer{sizeof timer, 0, &on_timer};
    static constexpr cm_plugin_offload offload{sizeof offload, 0, &on_job};
    static constexpr cm_plugin_directory directory{sizeof directory, 0, &on_service};
    static constexpr cm_plugin_kv kv{sizeof kv, 0, &on_entry};
    static constexpr cm_plugin_client_address address{sizeof address, 0, &on_client_address};
    const std::string_view wanted = id;
    if (wanted == CM_EXT_MESSAGE) return &message;
    if (wanted == CM_EXT_TIMER) return &timer;
    if (wanted == CM_EXT_OFFLOAD) return &offload;
    if (wanted == CM_EXT_DIRECTORY) return &directory;
    if (wanted == CM_EXT_KV) return &kv;
    if (wanted == CM_EXT_CLIENT_ADDRESS) return &address;
    return nullptr;
  }
  static constexpr cm_service_kind kind{
      sizeof(cm_service_kind), 0, "puppet", &create, &destroy, &start, &stop, &on_message, &get_extension};

 private:
  static Puppet& of(void* self) { return *static_cast<Puppet*>(self); }
  cm_status see(const std::string& what) {
    seen.push_back(what);
    return CM_OK;
  }
  cm_status handle(const std::string& what, const std::string& handler) {
    seen.push_back(what);
    if (handled) handled(handler);
    return CM_OK;
  }
};

// One that was created and may send.
struct OnStage {
  OnStage() {
    Puppet::current = &puppet;
    host.create();
  }
  ~OnStage() { host.destroy(); }
  OnStage(const OnStage&) = delete;
  OnStage& operator=(const OnStage&) = delete;

  cm_status start_timer(std::uint64_t delay, std::uint64_t period, const char* handler) {
    return timer().start(puppet.host, delay, period, handler, nullptr, 0, nullptr);
  }
  cm_status call(cm_service to, std::uint32_t timeout, const char* handler) {
    return messages().call(puppet.host, to, 7, nullptr, 0, nullptr, timeout, handler, nullptr, 0);
  }
  [[nodiscard]] const cm_host_timer& timer() const { return puppet.ext<cm_host_timer>(CM_EXT_TIMER); }
  [[nodiscard]] const cm_host_message& messages() const { return puppet.ext<cm_host_message>(CM_EXT_MESSAGE); }

  Puppet puppet;
  MemoryHost host{Puppet::kind};
};

}  // namespace cm::test
