#pragma once

#include <dlfcn.h>
#include <gmock/gmock.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "agent.cellmesh.hpp"
#include "client.cellmesh.hpp"
#include "echo.cellmesh.hpp"
#include "hub.cellmesh.hpp"
#include "login.cellmesh.hpp"
#include "unit/sdk/fake_host.hpp"

namespace cm::test {

// A shipped plugin, loaded. Stays loaded: a sanitizer wants to name its frames at the end.
inline const cm_service_kind& kind_of(const std::string& plugin) {
  const std::string path = std::string(CM_PLUGIN_DIR) + "/" + plugin + ".so";
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(dlerror());
  const auto* found = static_cast<const cm_plugin*>(dlsym(library, CM_PLUGIN_SYMBOL));
  if (found == nullptr || found->kind_count != 1) throw std::runtime_error(path + " is no plugin of one service");
  return *found->kinds[0];
}

template <typename M>
constexpr std::uint16_t id_of = cellmesh::MessageTraits<M>::id;

template <typename M>
M parsed(const Asked& asked) {
  M message;
  EXPECT_EQ(asked.id, id_of<M>);
  EXPECT_TRUE(message.ParseFromString(asked.body));
  return message;
}

// What was asked, in words: `clients.send 41`, `gateway.bind 41 @game`.
inline std::vector<std::string> words(const std::vector<Asked>& asked, cm_service game = 0) {
  std::vector<std::string> all;
  for (const auto& a : asked) {
    all.push_back(a.what);
    for (const auto& client : a.clients) all.back() += " " + std::to_string(client.session);
    if (game != 0 && a.to == game) all.back() += " @game";
  }
  return all;
}

}  // namespace cm::test
