// SPDX-License-Identifier: MIT
//
// The one header that a plugin's author includes:
//
//   #include <cellmesh/plugin.hpp>
//
//   class Chat : public cellmesh::Service<Chat> {
//    public:
//     void on(const proto::ChatREQ& req, cellmesh::Client from) {
//       proto::ChatACK ack;
//       ack.set_content(req.content());
//       clients().broadcast(ack);
//     }
//   };
//   CELLMESH_PLUGIN(Chat)
//
// What a service can do: service.hpp. What it may be told: hooks.hpp. Build it with cellmesh_add_plugin() in CMake,
// which generates the messages' code and names it in CELLMESH_PLUGIN_MESSAGES.
#ifndef CELLMESH_PLUGIN_HPP
#define CELLMESH_PLUGIN_HPP

#include "abi/plugin.h"
#include "message.hpp"
#include "provider.hpp"
#include "service.hpp"

#ifdef CELLMESH_PLUGIN_MESSAGES
#include CELLMESH_PLUGIN_MESSAGES
#endif

#ifdef CELLMESH_PLUGIN_PROVIDES
#define CELLMESH_CHECK_PROVIDES(...)                                                                 \
  static_assert(::cellmesh::detail::provides_exactly<__VA_ARGS__>({CELLMESH_PLUGIN_PROVIDES}),       \
                "the kinds of the services in CELLMESH_PLUGIN(...) must be those after PROVIDES in " \
                "cellmesh_add_plugin(), which are its name unless said otherwise");
#else
#define CELLMESH_CHECK_PROVIDES(...)
#endif

// Makes the library a plugin that provides these services; stands once, at global scope. The kind of each is its
// class's name in lower snake case (`ChatRoom`: chat_room), unless it has a `static constexpr std::string_view kind`.
// Since 1.0.
#define CELLMESH_PLUGIN(...)                             \
  CELLMESH_CHECK_PROVIDES(__VA_ARGS__)                   \
  extern "C" constinit const cm_plugin cellmesh_plugin = \
      ::cellmesh::detail::make_plugin<::cellmesh::gen::Messages, __VA_ARGS__>();

#endif
