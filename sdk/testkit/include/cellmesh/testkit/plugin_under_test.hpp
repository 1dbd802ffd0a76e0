// SPDX-License-Identifier: MIT
//
// The plugin that a test is built with: cellmesh_add_plugin_test() compiles the test against its messages and links it
// with the plugin's own objects.
#ifndef CELLMESH_TESTKIT_PLUGIN_UNDER_TEST_HPP
#define CELLMESH_TESTKIT_PLUGIN_UNDER_TEST_HPP

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <cellmesh/abi/plugin.h>
#include <cellmesh/message.hpp>
#include <cellmesh/provider.hpp>

#ifdef CELLMESH_PLUGIN_MESSAGES
#include CELLMESH_PLUGIN_MESSAGES
#endif

// A test of classes of its own need not be linked with a plugin.
extern "C" __attribute__((weak)) const cm_plugin cellmesh_plugin;

namespace cellmesh::test {

// The kind of service that a class makes, which the test itself defines: a later version to reload to, say. Since 1.0.
template <typename T, typename Messages>
const cm_service_kind& kind_of() {
  return ::cellmesh::detail::Provider<T, Messages>::kind;
}
#ifdef CELLMESH_PLUGIN_MESSAGES
template <typename T>
const cm_service_kind& kind_of() {
  return kind_of<T, gen::Messages>();
}
#endif

// A settings message with the defaults of its .proto. Since 1.0.
template <SettingsMessage S>
S defaults() {
  S settings;
  settings.ParseFromArray(SettingsTraits<S>::defaults.data(), static_cast<int>(SettingsTraits<S>::defaults.size()));
  return settings;
}

namespace detail {

template <typename... Ms>
std::string name_in(MessageList<Ms...> /*messages*/, [[maybe_unused]] std::uint16_t id) {
  std::string name;
  static_cast<void>(((MessageTraits<Ms>::id == id && (name = MessageTraits<Ms>::name, true)) || ...));
  return name;
}

template <typename... Ss>
std::optional<std::string> defaults_in(SettingsList<Ss...> /*settings*/, [[maybe_unused]] std::string_view kind) {
  std::optional<std::string> bytes;
  static_cast<void>(
      ((SettingsTraits<Ss>::kind == kind && (bytes = std::string(SettingsTraits<Ss>::defaults), true)) || ...));
  return bytes;
}

// "proto.ChatREQ", or "message 29052" when no message of the plugin has this id.
inline std::string message_name(std::uint16_t id) {
  std::string name;
#ifdef CELLMESH_PLUGIN_MESSAGES
  name = name_in(gen::Messages(), id);
#endif
  return name.empty() ? "message " + std::to_string(id) : name;
}

// The default settings of a kind; nothing when it declares none.
inline std::optional<std::string> default_settings([[maybe_unused]] std::string_view kind) {
#ifdef CELLMESH_PLUGIN_MESSAGES
  return defaults_in(gen::Settings(), kind);
#else
  return std::nullopt;
#endif
}

// Of the plugin, "1.2.0".
inline std::string plugin_version() {
#ifdef CELLMESH_PLUGIN_VERSION
  return CELLMESH_PLUGIN_VERSION;
#else
  return "0.0.0";
#endif
}

// The plugin that the test is linked with, initialised once; deinitialised at exit.
class PluginUnderTest {
 public:
  static const PluginUnderTest& instance() {
    static const PluginUnderTest plugin;
    return plugin;
  }
  PluginUnderTest(const PluginUnderTest&) = delete;
  PluginUnderTest& operator=(const PluginUnderTest&) = delete;

  // Its kind of that name. Throws when it has none.
  [[nodiscard]] const cm_service_kind& kind(std::string_view name) const {
    if (&cellmesh_plugin == nullptr) throw std::invalid_argument("the test is linked with no plugin");
    std::string all;
    for (std::uint32_t i = 0; i < cellmesh_plugin.kind_count; ++i) {
      const cm_service_kind& kind = *cellmesh_plugin.kinds[i];
      if (name == kind.kind) return kind;
      all += (all.empty() ? "" : ", ") + std::string(kind.kind);
    }
    throw std::invalid_argument("the plugin has no service of the kind \"" + std::string(name) + "\"; it has " + all);
  }

 private:
  PluginUnderTest() {
    if (&cellmesh_plugin != nullptr && cellmesh_plugin.init != nullptr && cellmesh_plugin.init() != CM_OK) {
      throw std::runtime_error("the plugin's init refuses it");
    }
  }
  ~PluginUnderTest() {
    if (&cellmesh_plugin != nullptr && cellmesh_plugin.deinit != nullptr) cellmesh_plugin.deinit();
  }
};

}  // namespace detail
}  // namespace cellmesh::test

#endif
