// SPDX-License-Identifier: MIT
//
// The settings of a service, read from the host and kept up to date. Internal.
#ifndef CELLMESH_SETTINGS_HPP
#define CELLMESH_SETTINGS_HPP

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <utility>

#include "core.hpp"
#include "message.hpp"

namespace cellmesh::detail {

template <typename S>
class SettingsHolder {
  static_assert(
      SettingsMessage<S>,
      "Service<T, S>: S must be a message with `option (cellmesh.settings)` in one of the plugin's .proto files");

 public:
  static constexpr bool present = true;
  using Type = S;

  [[nodiscard]] const S& current_settings() const { return settings_; }

  // Throws when the host has none for this service, or they do not parse.
  void load_settings(const Core& core) {
    bool parsed = false;
    Visitor visitor([&](const std::uint8_t* data, std::size_t size) { parsed = update_settings({data, size}); });
    const Status status =
        ask(core.settings, &cm_host_settings::get, core.host, &decltype(visitor)::bytes, static_cast<void*>(&visitor));
    visitor.rethrow();
    if (status != Status::ok) {
      throw std::runtime_error(
          "the host has no settings for this service; was the plugin built with "
          "cellmesh_add_plugin(), and is the kind in `option (cellmesh.settings)` this service's?");
    }
    if (!parsed) throw std::runtime_error("the host's settings for this service do not parse as their message");
  }

  // False when the bytes do not parse: the settings stay as they were.
  bool update_settings(std::span<const std::uint8_t> bytes) {
    S next;
    if (bytes.size() > CM_MAX_SERVICE_BODY) return false;
    if (!next.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return false;
    settings_ = std::move(next);
    return true;
  }

 private:
  S settings_;
};

template <>
class SettingsHolder<void> {
 public:
  static constexpr bool present = false;
  using Type = void;

  void load_settings(const Core& /*core*/) {}
};

}  // namespace cellmesh::detail

#endif
