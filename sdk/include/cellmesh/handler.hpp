// SPDX-License-Identifier: MIT
//
// Handlers by name: a member function that a reply, timer, subscription or job comes back to. A use of
// `call<&Game::on_player>` anywhere in the plugin enters it into the service's table when the plugin is loaded.
// Internal.
#ifndef CELLMESH_HANDLER_HPP
#define CELLMESH_HANDLER_HPP

#include <google/protobuf/message_lite.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "cookie.hpp"
#include "core.hpp"
#include "name.hpp"
#include "status.hpp"

namespace cellmesh::detail {

// What a handler may be named for.
enum class HandlerKind : std::uint8_t { reply, timer, channel, job };

// What came for a handler: the fields that its kind has.
struct Arrival {
  Status status = Status::ok;
  std::uint16_t id = 0;
  std::span<const std::uint8_t> body;
  std::span<const std::uint8_t> cookie;
  const cm_channel_message* channel = nullptr;
};

// One handler of T. Static data of the plugin, in a list from the plugin's load on.
template <typename T>
struct HandlerNode {
  HandlerKind kind;
  std::string_view name;
  Status (*run)(T& service, Core& core, const Arrival& arrival);
  const HandlerNode* next;
};
template <typename T>
struct HandlerList {
  constinit static inline const HandlerNode<T>* head = nullptr;
};

template <typename... A>
struct Types {
  static constexpr std::size_t size = sizeof...(A);
};

// Class and arguments of a member function.
template <typename F>
struct MemberTraits {
  static constexpr bool valid = false;
};
template <typename C, typename R, typename... A>
struct MemberTraits<R (C::*)(A...)> {
  static constexpr bool valid = true;
  using Class = C;
  using Arguments = Types<std::remove_cvref_t<A>...>;
};
template <typename C, typename R, typename... A>
struct MemberTraits<R (C::*)(A...) const> : MemberTraits<R (C::*)(A...)> {};
template <typename C, typename R, typename... A>
struct MemberTraits<R (C::*)(A...) noexcept> : MemberTraits<R (C::*)(A...)> {};
template <typename C, typename R, typename... A>
struct MemberTraits<R (C::*)(A...) const noexcept> : MemberTraits<R (C::*)(A...)> {};

// A handler's arguments: `First` the message, if its kind has one, and the rest behind `N` fixed ones as a cookie.
template <std::size_t N, typename List>
struct Split;
template <typename... C>
struct Split<0, Types<C...>> {
  static_assert(
      (CookieValue<C> && ...),
      "a handler's cookie arguments are text, protobuf messages, or trivially copyable types without pointers");
  using Cookie = std::tuple<C...>;
};
template <std::size_t N, typename A, typename... Rest>
requires(N > 0) struct Split<N, Types<A, Rest...>> : Split<N - 1, Types<Rest...>> {
};

template <std::size_t I, typename List>
struct At {
  using type = void;
};
template <typename A, typename... Rest>
struct At<0, Types<A, Rest...>> {
  using type = A;
};
template <std::size_t I, typename A, typename... Rest>
requires(I > 0) struct At<I, Types<A, Rest...>> : At<I - 1, Types<Rest...>> {
};

template <auto H>
using ArgumentsOf = typename MemberTraits<decltype(H)>::Arguments;
template <auto H, std::size_t I>
using ArgumentOf = typename At<I, ArgumentsOf<H>>::type;
template <auto H, std::size_t Fixed>
using CookieOf = typename Split<Fixed, ArgumentsOf<H>>::Cookie;

// A value that goes through the host as bytes: a protobuf message or a text.
template <typename V>
concept ByteValue = std::is_base_of_v<google::protobuf::MessageLite, V> || std::is_same_v<V, std::string>;

template <ByteValue V>
[[nodiscard]] bool parse(V& value, std::span<const std::uint8_t> bytes) {
  if constexpr (std::is_same_v<V, std::string>) {
    value.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return true;
  } else {
    return bytes.size() <= CM_MAX_SERVICE_BODY && value.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  }
}

// Calls H with the fixed arguments and the cookie's.
template <auto H, std::size_t Fixed, typename T, typename... A>
Status run_handler(T& service, const Core& core, const Arrival& arrival, const A&... fixed) {
  CookieOf<H, Fixed> cookie;
  if (!read_cookie(arrival.cookie, cookie)) {
    const std::string what = "the cookie for " + std::string(HandlerName<H>::source) +
                             " does not fit its arguments; a version before this one made it, perhaps: give a handler "
                             "whose arguments changed a new name";
    core.host->report_fault(core.host, what.c_str());
    return Status::fault;
  }
  std::apply([&](auto&... value) { (service.*H)(fixed..., std::move(value)...); }, cookie);
  return Status::ok;
}

// Enters H into the list of T's handlers when the plugin is loaded.
template <typename T, auto H, HandlerKind Kind, typename Runner>
struct Registered {
  struct Node : HandlerNode<T> {
    Node() : HandlerNode<T>{Kind, HandlerName<H>::value.view(), &Runner::run, HandlerList<T>::head} {
      HandlerList<T>::head = this;
    }
  };
  static inline const Node node{};

  // The handler's name, NUL-terminated.
  static const char* name() {
    static_cast<void>(&node);
    return HandlerName<H>::value.c_str();
  }
};

// The cookie for a handler from what the author gave: each is converted to the handler's argument in its place.
template <typename Cookie>
class PackedCookie;
template <typename... C>
class PackedCookie<std::tuple<C...>> : public CookieWriter {
 public:
  template <typename... A>
  explicit PackedCookie(const A&... args) {
    static_assert(sizeof...(A) == sizeof...(C), "give as many cookie values as the handler has cookie arguments");
    if constexpr (sizeof...(A) == sizeof...(C)) {
      static_assert((std::is_convertible_v<const A&, C> && ...),
                    "a cookie value does not convert to the handler's argument in its place");
      (convert<C>(args), ...);
    }
  }

 private:
  template <typename To, typename From>
  void convert(const From& from) {
    if constexpr (std::is_same_v<To, From>) {
      add(from);
    } else {
      add(static_cast<To>(from));
    }
  }
};

// The handlers of T, sorted, for one service. Constant after construction.
template <typename T>
class HandlerIndex {
 public:
  // Throws when two different handlers have one name.
  HandlerIndex() {
    for (const HandlerNode<T>* node = HandlerList<T>::head; node != nullptr; node = node->next) sorted_.push_back(node);
    std::sort(sorted_.begin(), sorted_.end(), before);
    const auto twin = std::adjacent_find(sorted_.begin(), sorted_.end(), [](const auto* a, const auto* b) {
      return a->kind == b->kind && a->name == b->name && a->run != b->run;
    });
    if (twin != sorted_.end()) {
      throw std::logic_error("two handlers are named " + std::string((*twin)->name) +
                             "; they are found by name, so give each its own");
    }
  }

  Status run(HandlerKind kind, const char* name, T& service, Core& core, const Arrival& arrival) const {
    const HandlerNode<T>* found = find(kind, name);
    return found != nullptr ? found->run(service, core, arrival) : Status::unhandled;
  }
  [[nodiscard]] bool has(HandlerKind kind, const char* name) const { return find(kind, name) != nullptr; }

 private:
  [[nodiscard]] const HandlerNode<T>* find(HandlerKind kind, const char* name) const {
    const HandlerNode<T> wanted{kind, name != nullptr ? name : "", nullptr, nullptr};
    const auto found = std::lower_bound(sorted_.begin(), sorted_.end(), &wanted, before);
    if (found == sorted_.end() || (*found)->kind != kind || (*found)->name != wanted.name) return nullptr;
    return *found;
  }
  static bool before(const HandlerNode<T>* a, const HandlerNode<T>* b) {
    return std::tie(a->kind, a->name) < std::tie(b->kind, b->name);
  }
  std::vector<const HandlerNode<T>*> sorted_;
};

}  // namespace cellmesh::detail

#endif
