// SPDX-License-Identifier: MIT
//
// A service class as the host sees it: the C hooks, each fenced, over an instance of T. Internal.
#ifndef CELLMESH_PROVIDER_HPP
#define CELLMESH_PROVIDER_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <type_traits>

#include "abi/plugin.h"
#include "dispatch.hpp"
#include "fence.hpp"
#include "handler.hpp"
#include "hooks.hpp"
#include "name.hpp"
#include "service.hpp"
#include "state.hpp"

namespace cellmesh::detail {

// What the provider needs of a Service and its author does not.
struct Access {
  template <typename T, typename S>
  static Core& core(Service<T, S>& service) {
    return service.core_;
  }
  template <typename T, typename S>
  static SettingsHolder<S>& settings(Service<T, S>& service) {
    return service.holder_;
  }
  // The S of a class that derives from Service<T, S>.
  template <typename T, typename S>
  static std::type_identity<S> settings_type(const Service<T, S>*);
  static std::type_identity<Access> settings_type(...);
};

template <typename T>
using SettingsOf = typename decltype(Access::settings_type(static_cast<T*>(nullptr)))::type;

template <typename T, typename Messages>
class Provider {
 public:
  static const cm_service_kind kind;

 private:
  using S = SettingsOf<T>;
  static_assert(!std::is_same_v<S, Access>, "CELLMESH_PLUGIN(X) needs `class X : public cellmesh::Service<X>`");
  static_assert(std::is_base_of_v<Service<T, S>, T>, "the X of cellmesh::Service<X> must be the class itself");
  static_assert(std::is_default_constructible_v<T>, "a service needs a public constructor without arguments");
  static_assert(check_hooks<T, S>());
  static_assert(check_state<T>());
  static constexpr bool settings_fit() {
    if constexpr (std::is_void_v<S>) {
      return true;
    } else {
      return SettingsTraits<S>::kind == KindName<T>::value.view();
    }
  }
  static_assert(settings_fit(),
                "the settings message is another kind's: compare its `option (cellmesh.settings)` with "
                "the service's class name or `kind`");

  // One service; what the host knows as `self`.
  struct Instance {
    T service;
    HandlerIndex<T> handlers;
    typename DispatcherOf<T, Messages>::type dispatcher;

    Core& core() { return Access::core(service); }
  };

  // Runs `work(instance)` for a hook.
  template <typename F>
  static cm_status hook(void* self, F work) noexcept {
    auto& instance = *static_cast<Instance*>(self);
    return fenced(instance.core().host, [&] { return work(instance); });
  }

  struct Hook {
    template <typename F>
    static cm_status run(void* self, F work) noexcept {
      return hook(self, work);
    }
  };
  using State = StateHooks<T, Hook>;

  static void* create(const cm_host* host) noexcept {
    void* made = nullptr;
    creating = host;
    fenced(host, [&] { made = new Instance(); });
    creating = nullptr;
    return made;
  }

  static void destroy(void* self) noexcept {
    const cm_host* host = static_cast<Instance*>(self)->core().host;
    fenced(host, [&] { delete static_cast<Instance*>(self); });
  }

  static cm_status start(void* self) noexcept {
    return hook(self, [](Instance& instance) {
      if constexpr (!HasStart<T>) {
        return Status::ok;
      } else {
        using R = decltype(instance.service.start());
        if constexpr (std::is_void_v<R>) {
          instance.service.start();
          return Status::ok;
        } else if constexpr (std::is_same_v<R, Status>) {
          return instance.service.start();
        } else {
          static_assert(std::is_same_v<R, bool>, "start() returns nothing, bool or cellmesh::Status");
          return instance.service.start() ? Status::ok : Status::refused;
        }
      }
    });
  }

  static void stop(void* self) noexcept {
    hook(self, []([[maybe_unused]] Instance& instance) {
      if constexpr (HasStop<T>) instance.service.stop();
    });
  }

  static cm_status on_message(void* self, const cm_message* message) noexcept {
    return hook(self, [&](Instance& i) { return i.dispatcher.run(i.service, i.core(), *message); });
  }

  static Status arrived(Instance& i, HandlerKind handler_kind, const char* handler, const Arrival& arrival) {
    return i.handlers.run(handler_kind, handler, i.service, i.core(), arrival);
  }

  static cm_status on_reply(void* self, const cm_reply* reply) noexcept {
    return hook(self, [&](Instance& i) {
      Arrival arrival;
      arrival.status = static_cast<Status>(reply->status);
      arrival.id = reply->id;
      arrival.body = {reply->body, reply->body_size};
      arrival.cookie = {reply->cookie, reply->cookie_size};
      return arrived(i, HandlerKind::reply, reply->handler, arrival);
    });
  }

  static cm_status on_timer(void* self, cm_timer /*timer*/, const char* handler, const std::uint8_t* cookie,
                            std::size_t cookie_size) noexcept {
    return hook(self, [&](Instance& i) {
      Arrival arrival;
      arrival.cookie = {cookie, cookie_size};
      return arrived(i, HandlerKind::timer, handler, arrival);
    });
  }

  static cm_status on_job(void* self, const char* handler, cm_status status, const std::uint8_t* output,
                          std::size_t size, const std::uint8_t* cookie, std::size_t cookie_size) noexcept {
    return hook(self, [&](Instance& i) {
      Arrival arrival;
      arrival.status = static_cast<Status>(status);
      arrival.body = {output, size};
      arrival.cookie = {cookie, cookie_size};
      return arrived(i, HandlerKind::job, handler, arrival);
    });
  }

  static cm_status on_channel(void* self, const cm_channel_message* message) noexcept {
    return hook(self, [&](Instance& i) {
      if (message->id == 0) return lost(i, *message);
      if (message->handler == nullptr || *message->handler == '\0') {
        if (message->lost > 0) static_cast<void>(lost(i, *message));
        cm_message plain{};
        plain.struct_size = sizeof plain;
        plain.id = message->id;
        plain.request.from = message->from;
        plain.body = message->body;
        plain.body_size = message->body_size;
        return i.dispatcher.run(i.service, i.core(), plain);
      }
      Arrival arrival;
      arrival.id = message->id;
      arrival.body = {message->body, message->body_size};
      arrival.cookie = {message->cookie, message->cookie_size};
      arrival.channel = message;
      return arrived(i, HandlerKind::channel, message->handler, arrival);
    });
  }

  static Status lost(Instance& i, const cm_channel_message& message) {
    if constexpr (HasOnLost<T>) {
      i.service.on_lost(std::string_view(message.channel), message.lost);
    } else {
      i.core().logger().warn("too slow for the channel {}: {} messages lost", message.channel, message.lost);
    }
    return Status::ok;
  }

  static cm_status on_settings(void* self, const std::uint8_t* data, std::size_t size) noexcept {
    return hook(self, [&]([[maybe_unused]] Instance& i) {
      if constexpr (!std::is_void_v<S>) {
        if (!Access::settings(i.service).update_settings({data, size})) return Status::bad_message;
        if constexpr (HasOnSettings<T, S>) i.service.on_settings(i.service.settings());
      }
      return Status::ok;
    });
  }

  static void on_client_closed(void* self, const cm_client* client, cm_close_reason reason) noexcept {
    hook(self, [&]([[maybe_unused]] Instance& i) {
      if constexpr (HasOnClientClosed<T>) i.service.on_client_closed(Client(*client), static_cast<CloseReason>(reason));
    });
  }

  static void on_client_opened(void* self, const cm_client* client) noexcept {
    hook(self, [&]([[maybe_unused]] Instance& i) {
      if constexpr (HasOnClientOpened<T>) i.service.on_client_opened(Client(*client));
    });
  }

  static void on_rebound(void* self, const cm_client* client, cm_service from, cm_service to) noexcept {
    hook(self, [&]([[maybe_unused]] Instance& i) {
      if constexpr (HasOnRebound<T>) i.service.on_rebound(Client(*client), ServiceId(from), ServiceId(to));
    });
  }

  static void on_service(void* self, cm_service service, std::int32_t up) noexcept {
    hook(self, [&]([[maybe_unused]] Instance& i) {
      if constexpr (HasOnService<T>) i.service.on_service(ServiceId(service), up != 0);
    });
  }

  static void on_client_address(void* self, const cm_client* client, const char* address) noexcept {
    hook(self, [&]([[maybe_unused]] Instance& i) {
      if constexpr (HasOnClientAddress<T>) i.service.on_client_address(Client(*client), std::string_view(address));
    });
  }

  static void on_client_origin(void* self, const cm_client* client, const cm_client_origin* origin) noexcept {
    hook(self, [&]([[maybe_unused]] Instance& i) {
      if constexpr (HasOnClientOrigin<T>) {
        i.service.on_client_origin(Client(*client),
                                   ClientOrigin{static_cast<Transport>(origin->transport), origin->address});
      }
    });
  }

  static void on_entry(void* self, const cm_kv_entry* entry) noexcept {
    hook(self, [&]([[maybe_unused]] Instance& i) {
      if constexpr (HasOnEntry<T>) {
        std::optional<std::string_view> value;
        if (entry->gone == 0) value.emplace(reinterpret_cast<const char*>(entry->value), entry->size);
        i.service.on_entry(std::string_view(entry->name), value);
      }
    });
  }

  static const void* get_extension(void* /*self*/, const char* id) noexcept {
    static constexpr cm_plugin_message message{sizeof(cm_plugin_message), 0, &on_reply};
    static constexpr cm_plugin_timer timer{sizeof(cm_plugin_timer), 0, &on_timer};
    static constexpr cm_plugin_offload offload{sizeof(cm_plugin_offload), 0, &on_job};
    static constexpr cm_plugin_channel channel{sizeof(cm_plugin_channel), 0, &on_channel};
    static constexpr cm_plugin_settings settings{sizeof(cm_plugin_settings), 0, &on_settings};
    static constexpr cm_plugin_clients clients{sizeof(cm_plugin_clients), 0, &on_client_closed};
    static constexpr cm_plugin_directory directory{sizeof(cm_plugin_directory), 0, &on_service};
    static constexpr cm_plugin_gateway gateway{sizeof(cm_plugin_gateway), 0,
                                               HasOnClientOpened<T> ? &on_client_opened : nullptr,
                                               HasOnRebound<T> ? &on_rebound : nullptr};
    static constexpr cm_plugin_kv kv{sizeof(cm_plugin_kv), 0, &on_entry};
    static constexpr cm_plugin_client_address address{sizeof(cm_plugin_client_address), 0, &on_client_address};
    static constexpr cm_plugin_client_origin origin{sizeof(cm_plugin_client_origin), 0, &on_client_origin};
    const std::string_view wanted = id;
    if (wanted == CM_EXT_MESSAGE) return &message;
    if (wanted == CM_EXT_TIMER) return &timer;
    if (wanted == CM_EXT_OFFLOAD) return &offload;
    if (wanted == CM_EXT_CHANNEL) return &channel;
    if (wanted == CM_EXT_STATE) return &State::table;
    if (wanted == CM_EXT_SETTINGS && !std::is_void_v<S>) return &settings;
    if (wanted == CM_EXT_CLIENTS && HasOnClientClosed<T>) return &clients;
    if (wanted == CM_EXT_DIRECTORY && HasOnService<T>) return &directory;
    if (wanted == CM_EXT_GATEWAY && (HasOnClientOpened<T> || HasOnRebound<T>)) return &gateway;
    if (wanted == CM_EXT_KV && HasOnEntry<T>) return &kv;
    if (wanted == CM_EXT_CLIENT_ADDRESS && HasOnClientAddress<T>) return &address;
    if (wanted == CM_EXT_CLIENT_ORIGIN && HasOnClientOrigin<T>) return &origin;
    return nullptr;
  }
};

template <typename T, typename Messages>
constexpr cm_service_kind Provider<T, Messages>::kind{
    sizeof(cm_service_kind), 0, KindName<T>::value.c_str(), &create, &destroy, &start, &stop, &on_message,
    &get_extension};

// The kinds of a plugin.
template <typename Messages, typename... Ts>
struct Kinds {
  static constexpr std::array<const cm_service_kind*, sizeof...(Ts)> list{&Provider<Ts, Messages>::kind...};
};

// Whether the kinds of Ts are those that the manifest has.
template <typename... Ts>
constexpr bool provides_exactly(std::initializer_list<std::string_view> kinds) {
  const auto is_one_of = [&](std::string_view kind) {
    for (const std::string_view other : kinds) {
      if (kind == other) return true;
    }
    return false;
  };
  return kinds.size() == sizeof...(Ts) && (is_one_of(KindName<Ts>::value.view()) && ...);
}

template <typename Messages, typename... Ts>
constexpr cm_plugin make_plugin() {
  static_assert(sizeof...(Ts) > 0, "CELLMESH_PLUGIN(...) names at least one service");
  return cm_plugin{sizeof(cm_plugin),
                   CM_ABI_MAJOR,
                   CM_ABI_MINOR,
                   nullptr,
                   nullptr,
                   std::uint32_t{sizeof...(Ts)},
                   0,
                   Kinds<Messages, Ts...>::list.data()};
}

}  // namespace cellmesh::detail

#endif
