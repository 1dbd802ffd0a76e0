// SPDX-License-Identifier: MIT
//
// The hooks that a service may have, all optional, all public, all [service thread]. A member of such a name with
// another signature is an error at compile time. Since 1.0.
//
//   void start();                          begins work; may throw, or return bool or cellmesh::Status: a failure
//   refuses
//                                          the service, and stop() is not called
//   void stop();                           ends work; sends made here still go out
//   void on(const M&, cellmesh::Client);   a message of a client, or a call on behalf of one
//   void on(const M&, cellmesh::Sender);   a message or call of a service
//   void on(const M&);                     the same, for who does not care which
//   void on_settings(const S&);            a setting changed; settings() has the new ones already
//   void on_client_opened(cellmesh::Client);                         a client connected to this service's frontend
//   void on_client_address(cellmesh::Client, std::string_view address);  before that: where it comes from,
//   "203.0.113.7"
//                                          or "2001:db8::7"; empty when it is gone already. Since 1.1
//   void on_client_origin(cellmesh::Client, const cellmesh::ClientOrigin&);  likewise: its transport and address.
//                                          Since 1.2
//   void on_client_closed(cellmesh::Client, cellmesh::CloseReason);  a client that this service was bound to, or had
//   got a
//                                                                    message of, is gone; told once
//   void on_rebound(cellmesh::Client, cellmesh::ServiceId from, cellmesh::ServiceId to);  a client's binding changed by
//                                          itself: `from` went away, `to` took its place (none: nobody is there)
//   void on_service(cellmesh::ServiceId, bool up);                   a service came up or went away
//   void on_lost(std::string_view channel, std::uint64_t lost);      messages of a channel were lost, with none after
//   void on_entry(std::string_view name, std::optional<std::string_view> value);      a shared entry that is watched
//                                          is there, changed or (no value) gone; see kv.hpp. Since 1.1
//   void save(S& state) const;             what the next generation is to know, at a reload; see state.hpp
//   void load(const S& state);             takes it over, in place of start(); nothing can be sent yet
//   void resumed();                        has taken over, and serves from now on
//
// on() may return cellmesh::Status instead of nothing: what is not ok is told to a caller that waits, or to the client.
#ifndef CELLMESH_HOOKS_HPP
#define CELLMESH_HOOKS_HPP

#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "client.hpp"
#include "listeners.hpp"
#include "status.hpp"

namespace cellmesh::detail {

// names_<hook><T>: T has a member of that name, whatever it is: it makes the name ambiguous in a class that has two.
#define CELLMESH_NAMES_HOOK(hook)                     \
  struct HasOnly_##hook {                             \
    int hook;                                         \
  };                                                  \
  template <typename T>                               \
  struct HasBoth_##hook : T, HasOnly_##hook {};       \
  template <typename T>                               \
  constexpr bool names_##hook() {                     \
    if constexpr (std::is_final_v<T>) {               \
      return false;                                   \
    } else {                                          \
      return !requires { &HasBoth_##hook<T>::hook; }; \
    }                                                 \
  }

CELLMESH_NAMES_HOOK(on)
CELLMESH_NAMES_HOOK(start)
CELLMESH_NAMES_HOOK(stop)
CELLMESH_NAMES_HOOK(on_settings)
CELLMESH_NAMES_HOOK(on_client_address)
CELLMESH_NAMES_HOOK(on_client_origin)
CELLMESH_NAMES_HOOK(on_client_opened)
CELLMESH_NAMES_HOOK(on_client_closed)
CELLMESH_NAMES_HOOK(on_rebound)
CELLMESH_NAMES_HOOK(on_service)
CELLMESH_NAMES_HOOK(on_lost)
CELLMESH_NAMES_HOOK(on_entry)
CELLMESH_NAMES_HOOK(resumed)
#undef CELLMESH_NAMES_HOOK

template <typename T>
concept HasStart = requires(T& service) {
  service.start();
};
template <typename T>
concept HasStop = requires(T& service) {
  service.stop();
};
template <typename T, typename S>
concept HasOnSettings = requires(T& service, const S& settings) {
  service.on_settings(settings);
};
template <typename T>
concept HasOnClientAddress = requires(T& service, Client client, std::string_view address) {
  service.on_client_address(client, address);
};
template <typename T>
concept HasOnClientOrigin = requires(T& service, Client client, const ClientOrigin& origin) {
  service.on_client_origin(client, origin);
};
template <typename T>
concept HasOnClientOpened = requires(T& service, Client client) {
  service.on_client_opened(client);
};
template <typename T>
concept HasOnClientClosed = requires(T& service, Client client, CloseReason reason) {
  service.on_client_closed(client, reason);
};
template <typename T>
concept HasOnRebound = requires(T& service, Client client, ServiceId other) {
  service.on_rebound(client, other, other);
};
template <typename T>
concept HasOnService = requires(T& service, ServiceId other, bool up) {
  service.on_service(other, up);
};
template <typename T>
concept HasOnLost = requires(T& service, std::string_view channel, std::uint64_t lost) {
  service.on_lost(channel, lost);
};
template <typename T>
concept HasOnEntry = requires(T& service, std::string_view name, std::optional<std::string_view> value) {
  service.on_entry(name, value);
};

template <typename T>
concept HasResumed = requires(T& service) {
  service.resumed();
};

// Fails to compile, with the cure, where T has a hook that would silently never be called.
template <typename T, typename Settings>
constexpr bool check_hooks() {
  static_assert(HasStart<T> || !names_start<T>(), "the hook is public: `void start()`, or bool or cellmesh::Status");
  static_assert(HasStop<T> || !names_stop<T>(), "the hook is public: `void stop()`");
  static_assert(HasOnClientAddress<T> || !names_on_client_address<T>(),
                "the hook is public: `void on_client_address(cellmesh::Client, std::string_view address)`");
  static_assert(HasOnClientOrigin<T> || !names_on_client_origin<T>(),
                "the hook is public: `void on_client_origin(cellmesh::Client, const cellmesh::ClientOrigin&)`");
  static_assert(HasOnClientOpened<T> || !names_on_client_opened<T>(),
                "the hook is public: `void on_client_opened(cellmesh::Client)`");
  static_assert(HasOnClientClosed<T> || !names_on_client_closed<T>(),
                "the hook is public: `void on_client_closed(cellmesh::Client, cellmesh::CloseReason)`");
  static_assert(
      HasOnRebound<T> || !names_on_rebound<T>(),
      "the hook is public: `void on_rebound(cellmesh::Client, cellmesh::ServiceId from, cellmesh::ServiceId to)`");
  static_assert(HasOnService<T> || !names_on_service<T>(),
                "the hook is public: `void on_service(cellmesh::ServiceId, bool up)`");
  static_assert(HasOnLost<T> || !names_on_lost<T>(),
                "the hook is public: `void on_lost(std::string_view channel, std::uint64_t lost)`");
  static_assert(HasOnEntry<T> || !names_on_entry<T>(),
                "the hook is public: `void on_entry(std::string_view name, std::optional<std::string_view> value)`");
  if constexpr (std::is_void_v<Settings>) {
    static_assert(!names_on_settings<T>(),
                  "on_settings needs a settings message: `class X : public cellmesh::Service<X, XSettings>`");
  } else {
    static_assert(HasOnSettings<T, Settings> || !names_on_settings<T>(),
                  "the hook is public: `void on_settings(const S&)`, S being the service's settings message");
  }
  return true;
}

}  // namespace cellmesh::detail

#endif
