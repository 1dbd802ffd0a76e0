// SPDX-License-Identifier: MIT
//
// A service's messages, by id, to its on() overloads. The table is made at compile time. Internal.
#ifndef CELLMESH_DISPATCH_HPP
#define CELLMESH_DISPATCH_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core.hpp"
#include "handler.hpp"
#include "hooks.hpp"
#include "message.hpp"
#include "service.hpp"

namespace cellmesh::detail {

template <typename T, typename M>
concept TakesClient = requires(T& service, const M& message, Client client) {
  service.on(message, client);
};
template <typename T, typename M>
concept TakesSender = requires(T& service, const M& message, Sender sender) {
  service.on(message, sender);
};
template <typename T, typename M>
concept TakesPlain = requires(T& service, const M& message) {
  service.on(message);
};
template <typename T, typename M>
concept Takes = TakesClient<T, M> || TakesSender<T, M> || TakesPlain<T, M>;

// Converts to any second argument: finds an on() whose second is none of ours.
struct AnySecond {
  template <typename A>
  operator A() const;  // NOLINT(google-explicit-constructor): never called
};

template <typename T, typename M>
constexpr bool check_on() {
  static_assert(
      Takes<T, M> || !requires(T & service, const M& message, AnySecond second) { service.on(message, second); },
      "the second argument of on() is a cellmesh::Client or a cellmesh::Sender");
  static_assert(
      Takes<T, M> || !requires(T & service, M & message, Client client) { service.on(message, client); },
      "the first argument of on() is a const reference: on(const M&, cellmesh::Client)");
  static_assert(
      Takes<T, M> || !requires(T & service, M & message, Sender sender) { service.on(message, sender); },
      "the first argument of on() is a const reference: on(const M&, cellmesh::Sender)");
  static_assert(
      Takes<T, M> || !requires(T & service, M & message) { service.on(message); },
      "the first argument of on() is a const reference: on(const M&)");
  return true;
}

// The messages of a list that T has an on() for.
template <typename T, typename Kept, typename... Ms>
struct Handled {
  using List = Kept;
};
template <typename T, typename... Kept, typename M, typename... Rest>
struct Handled<T, MessageList<Kept...>, M, Rest...>
    : Handled<T, std::conditional_t<Takes<T, M>, MessageList<Kept..., M>, MessageList<Kept...>>, Rest...> {
  static_assert(check_on<T, M>());
};

template <typename T, typename List>
class Dispatcher;
template <typename T, typename... Ms>
class Dispatcher<T, MessageList<Ms...>> {
 public:
  // Unhandled; bad_message when the body does not parse; else what on() returned. Exceptions pass.
  Status run(T& service, Core& core, const cm_message& message) {
    const auto entry = std::lower_bound(table.begin(), table.end(), message.id,
                                        [](const Entry& a, std::uint16_t id) { return a.id < id; });
    if (entry == table.end() || entry->id != message.id) return Status::unhandled;
    const Current current(core, message.request);
    return (this->*entry->run)(service, core, message);
  }

 private:
  struct Entry {
    std::uint16_t id;
    Status (Dispatcher::*run)(T& service, Core& core, const cm_message& message);
  };

  // Sets the request being handled for as long as it is.
  class Current {
   public:
    Current(Core& core, const cm_request& request) : core_(core) { core_.current = &request; }
    Current(const Current&) = delete;
    Current& operator=(const Current&) = delete;
    ~Current() { core_.current = nullptr; }

   private:
    Core& core_;
  };

  // A parsed message whose memory is used again for the next one of its type.
  template <typename M>
  struct Slot {
    M parsed;
  };
  struct Slots : Slot<Ms>... {};
  static constexpr std::size_t kept_size = 16 * std::size_t{1024};

  template <typename M>
  Status receive(T& service, Core& core, const cm_message& message) {
    const bool from_client = message.request.from == 0;
    const bool has_client = message.request.client.agent != 0;
    // A client never reaches an overload that was written for services.
    const bool taken = (has_client && TakesClient<T, M>) || (!from_client && (TakesSender<T, M> || TakesPlain<T, M>));
    if (!taken) return Status::unhandled;
    if (message.body_size > kept_size) {
      M large;
      return parse_and_handle(service, core, message, large);
    }
    return parse_and_handle(service, core, message, static_cast<Slot<M>&>(slots_).parsed);
  }

  template <typename M>
  static Status parse_and_handle(T& service, Core& core, const cm_message& message, M& into) {
    if (!parse(into, {message.body, message.body_size})) return Status::bad_message;
    const M& parsed = into;
    if constexpr (TakesClient<T, M>) {
      const Client client(message.request.client);
      if (client) return result([&] { return service.on(parsed, client); });
    }
    if constexpr (TakesSender<T, M>) {
      return result([&] { return service.on(parsed, Sender(core, message.request)); });
    } else if constexpr (TakesPlain<T, M>) {
      return result([&] { return service.on(parsed); });
    } else {
      return Status::unhandled;
    }
  }

  template <typename F>
  static Status result(F&& on) {
    using R = std::invoke_result_t<F>;
    static_assert(std::is_void_v<R> || std::is_same_v<R, Status>, "on() returns nothing, or a cellmesh::Status");
    if constexpr (std::is_void_v<R>) {
      on();
      return Status::ok;
    } else {
      return on();
    }
  }

  static constexpr auto make_table() {
    std::array<Entry, sizeof...(Ms)> entries{Entry{MessageTraits<Ms>::id, &Dispatcher::template receive<Ms>}...};
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.id < b.id; });
    return entries;
  }
  static constexpr auto table = make_table();
  static constexpr bool unique_ids() {
    return std::adjacent_find(table.begin(), table.end(),
                              [](const Entry& a, const Entry& b) { return a.id == b.id; }) == table.end();
  }

  Slots slots_;
};

// The dispatcher of T for the messages of its plugin.
template <typename T, typename List>
struct DispatcherOf;
template <typename T, typename... Ms>
struct DispatcherOf<T, MessageList<Ms...>> {
  using List = typename Handled<T, MessageList<>, Ms...>::List;
  static_assert(List::size > 0 || !names_on<T>(),
                "no on() of this service takes a message of its plugin: it must be public, and its message one of the "
                ".proto files given to cellmesh_add_plugin()");
  using type = Dispatcher<T, List>;
};

}  // namespace cellmesh::detail

#endif
