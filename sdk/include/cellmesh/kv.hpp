// SPDX-License-Identifier: MIT
#ifndef CELLMESH_KV_HPP
#define CELLMESH_KV_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core.hpp"
#include "status.hpp"

namespace cellmesh {

// Small entries that services share by name, in the mesh's KV under `cellmesh/shared/`; people may add and remove some
// by hand. A name is 1 to 200 bytes, words of a-z, A-Z, 0-9 and "-_.@#" parted by single slashes; a value at most 16
// KiB. Whoever reads the KV reads them: nothing secret belongs here. All functions: [service thread], since 1.1.
class Kv {
 public:
  explicit Kv(detail::Core& core) : core_(core) {}

  // Writes an entry, over one that is there, and keeps it there while the service runs, also when the KV loses it or
  // cannot be reached for a while; it stays when the service ends. Status::invalid: a bad name; too_large;
  // backpressure: past 256 names of one service.
  Status publish(const std::string& name, std::string_view value) const {
    return detail::ask(core_.kv, &cm_host_kv::publish, core_.host, name.c_str(),
                       reinterpret_cast<const std::uint8_t*>(value.data()), value.size());
  }

  // Takes an entry out, whoever wrote it. Not tried again when the KV cannot be reached: who watches sees whether it
  // went.
  Status remove(const std::string& name) const {
    return detail::ask(core_.kv, &cm_host_kv::remove, core_.host, name.c_str());
  }

  // From now on every entry whose name begins with `prefix` comes to
  // `void on_entry(std::string_view name, std::optional<std::string_view> value)`: each that is there, then each
  // change; no value: it is gone. Lasts over a reload, after which every entry comes again. Status::invalid;
  // backpressure: past 16 of one service.
  Status watch(const std::string& prefix) const {
    return detail::ask(core_.kv, &cm_host_kv::watch, core_.host, prefix.c_str());
  }

  // Status::not_found when that prefix is not watched.
  Status unwatch(const std::string& prefix) const {
    return detail::ask(core_.kv, &cm_host_kv::unwatch, core_.host, prefix.c_str());
  }

 private:
  detail::Core& core_;
};

}  // namespace cellmesh

#endif
