// SPDX-License-Identifier: MIT
//
// What the generated code tells the SDK about a plugin's messages and settings. Included by every generated
// `<base>.cellmesh.hpp`; a plugin's author needs only <cellmesh/plugin.hpp>.
#ifndef CELLMESH_MESSAGE_HPP
#define CELLMESH_MESSAGE_HPP

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cellmesh {

// What is known of a message at compile time. Specialised by generated code for every message of the plugin's .proto
// files; specialise it by hand only for a message that no .proto of yours describes. Since 1.0.
//
//   template <> struct cellmesh::MessageTraits<::proto::ChatREQ> {
//     static constexpr std::uint16_t id = 29052;                  // its id on the wire
//     static constexpr std::string_view name = "proto.ChatREQ";   // its full name
//     static constexpr std::string_view service = "game";         // kind that clients' messages go to; empty: none
//     static constexpr int route = 2;                             // 0 none, 1 pass, 2 auth
//   };
template <typename M>
struct MessageTraits;

// What is known of a settings message: `static constexpr std::string_view kind`, the kind of service whose settings it
// holds, and `defaults`, the message with its defaults, serialized. Specialised by generated code. Since 1.0.
template <typename S>
struct SettingsTraits;

// What is known of a state message: `static constexpr std::string_view kind`, the kind of service whose state it holds.
// Specialised by generated code. Since 1.0.
template <typename S>
struct StateTraits;

// A protobuf message with an id: what can be sent. Since 1.0.
template <typename M>
concept Message = requires {
  { MessageTraits<M>::id } -> std::convertible_to<std::uint16_t>;
  { MessageTraits<M>::name } -> std::convertible_to<std::string_view>;
};

// A settings message. Since 1.0.
template <typename S>
concept SettingsMessage = requires {
  { SettingsTraits<S>::kind } -> std::convertible_to<std::string_view>;
};

// A state message. Since 1.0.
template <typename S>
concept StateMessage = requires {
  { StateTraits<S>::kind } -> std::convertible_to<std::string_view>;
};

// A list of message types. Generated code defines `cellmesh::gen::Messages`, all messages that a plugin's .proto files
// describe; a service is dispatched over it. Since 1.0.
template <typename... Ms>
struct MessageList {
  static constexpr std::size_t size = sizeof...(Ms);
};

// The same of settings messages, `cellmesh::gen::Settings`: also those of other kinds, where a plugin is built with
// their .proto files. Since 1.0.
template <typename... Ss>
struct SettingsList {};

}  // namespace cellmesh

#endif
