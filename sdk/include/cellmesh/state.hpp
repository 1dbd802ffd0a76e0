// SPDX-License-Identifier: MIT
//
// A service's state, handed to the next generation at a reload. The author writes, for a message with
// `option (cellmesh.state) = "game"`,
//
//   void save(proto::GameState& state) const;   // no effect but on `state`
//   void load(const proto::GameState& state);   // in place of start(); a second argument is optional, a
//                                               // std::string_view: the version of the plugin that saved it
//
// and keeps what grows with the number of players in a cellmesh::Table (table.hpp). Internal.
#ifndef CELLMESH_STATE_HPP
#define CELLMESH_STATE_HPP

#include <google/protobuf/message_lite.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>

#include "abi/state.h"
#include "handler.hpp"
#include "hooks.hpp"
#include "message.hpp"
#include "name.hpp"
#include "status.hpp"
#include "table.hpp"

namespace cellmesh::detail {

// The first argument of a member function named save or load; void when there is none, or it is something else.
template <typename F>
constexpr auto first_argument() {
  if constexpr (MemberTraits<F>::valid) {
    return std::type_identity<typename At<0, typename MemberTraits<F>::Arguments>::type>{};
  } else {
    return std::type_identity<void>{};
  }
}
template <typename T>
constexpr auto save_argument() {
  if constexpr (requires { &T::save; }) {
    return first_argument<decltype(&T::save)>();
  } else {
    return std::type_identity<void>{};
  }
}
template <typename T>
constexpr auto load_argument() {
  if constexpr (requires { &T::load; }) {
    return first_argument<decltype(&T::load)>();
  } else {
    return std::type_identity<void>{};
  }
}
template <typename T>
using SaveArgument = typename decltype(save_argument<T>())::type;
template <typename T>
using LoadArgument = typename decltype(load_argument<T>())::type;

// The state message of T; void when it has none. Members named save and load that are about something else are none of
// ours.
template <typename T>
using StateOf = std::conditional_t<StateMessage<SaveArgument<T>>, SaveArgument<T>, void>;

template <typename T>
constexpr bool check_state() {
  using Saved = SaveArgument<T>;
  using Loaded = LoadArgument<T>;
  static_assert(HasResumed<T> || !names_resumed<T>(), "the hook is public: `void resumed()`");
  static_assert((!StateMessage<Saved> && !StateMessage<Loaded>) || std::is_same_v<Saved, Loaded>,
                "a service with state has both `void save(S& state) const` and `void load(const S& state)`, public, of "
                "one S; load may take a std::string_view too, the version that saved it");
  static_assert(!std::is_same_v<Saved, Loaded> || !Message<Saved> || StateMessage<Saved>,
                "the state is a message with `option (cellmesh.state)` in one of the plugin's .proto files");
  if constexpr (StateMessage<Saved>) {
    static_assert(StateTraits<Saved>::kind == KindName<T>::value.view(),
                  "the state message is another kind's: compare its `option (cellmesh.state)` with the service's class "
                  "name or `kind`");
  }
  return true;
}

// Writes a message to a sink.
inline Status write_state(const google::protobuf::MessageLite& state, cm_state_sink* sink) {
  const std::size_t size = state.ByteSizeLong();
  if (size > CM_MAX_STATE) return Status::too_large;
  const auto bytes = std::make_unique<std::uint8_t[]>(size);
  state.SerializeWithCachedSizesToArray(bytes.get());
  return static_cast<Status>(sink->write(sink, bytes.get(), size));
}

template <typename S>
[[nodiscard]] bool read_state(S& state, const cm_saved_state& saved) {
  return saved.size <= CM_MAX_STATE && state.ParseFromArray(saved.data, static_cast<int>(saved.size));
}

// The hooks of cm_plugin_state over an instance of T. `Hook` runs work on the instance behind `self`, fenced.
template <typename T, typename Hook>
struct StateHooks {
  using S = StateOf<T>;

  static cm_status save(void* self, cm_state_sink* sink) noexcept {
    return Hook::run(self, [&]([[maybe_unused]] auto& i) {
      if constexpr (std::is_void_v<S>) {
        return Status::ok;
      } else {
        S state;
        i.service.save(state);
        return write_state(state, sink);
      }
    });
  }

  static cm_status load(void* self, const cm_saved_state* saved) noexcept {
    return Hook::run(self, [&]([[maybe_unused]] auto& i) {
      if constexpr (!std::is_void_v<S>) {
        S state;
        if (!read_state(state, *saved)) return Status::bad_message;
        if constexpr (requires { i.service.load(state, std::string_view()); }) {
          i.service.load(state, std::string_view(saved->version != nullptr ? saved->version : ""));
        } else {
          i.service.load(state);
        }
      }
      return Status::ok;
    });
  }

  static cm_status resumed(void* self) noexcept {
    return Hook::run(self, [&]([[maybe_unused]] auto& i) {
      if constexpr (HasResumed<T>) i.service.resumed();
    });
  }

  static std::int32_t has_handler(void* self, cm_handler_kind kind, const char* handler) noexcept {
    static constexpr std::array kinds{HandlerKind::reply, HandlerKind::timer, HandlerKind::channel, HandlerKind::job};
    if (kind < CM_HANDLER_REPLY || kind > CM_HANDLER_JOB) return 0;
    bool found = false;
    Hook::run(self, [&](auto& i) { found = i.handlers.has(kinds[static_cast<std::size_t>(kind - 1)], handler); });
    return found ? 1 : 0;
  }

  static void follow(void* self, std::int32_t on) noexcept {
    Hook::run(self, [&](auto& i) { i.core().tables.follow(on != 0); });
  }

  static cm_status rows(void* self, cm_state_sink* sink, std::uint32_t most, std::uint64_t* left) noexcept {
    return Hook::run(self, [&](auto& i) { return i.core().tables.hand_over(*sink, most, *left); });
  }

  static void reserve(void* self, const char* table, std::uint64_t count) noexcept {
    Hook::run(self, [&](auto& i) {
      if (auto* found = i.core().tables.find(table)) found->reserve(static_cast<std::size_t>(count));
    });
  }

  static cm_status load_row(void* self, const char* table, const std::uint8_t* key, std::size_t key_size,
                            const std::uint8_t* row, std::size_t row_size) noexcept {
    return Hook::run(self, [&](auto& i) {
      auto* found = i.core().tables.find(table);
      if (found == nullptr) return Status::not_found;
      const bool fits = row != nullptr ? found->load({key, key_size}, {row, row_size}) : found->unload({key, key_size});
      return fits ? Status::ok : Status::bad_message;
    });
  }

  static constexpr cm_plugin_state table{
      sizeof(cm_plugin_state), 0, &save, &load, &resumed, &has_handler, &follow, &rows, &reserve, &load_row};
};

}  // namespace cellmesh::detail

#endif
