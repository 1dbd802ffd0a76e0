#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "discovery/settings.hpp"
#include "routing/route_table.hpp"

namespace cm::plugin {

// What a plugin says of itself (cellmesh.Manifest), in the host's words. Plain data.
struct Manifest {
  struct Message {
    std::uint16_t id = 0;
    std::string name;     // full name, "proto.ChatREQ"
    std::string service;  // of its route rule; empty: none
    routing::RouteMode mode = routing::RouteMode::blocked;
  };
  // A message that came with a later version of the client protocol than the first.
  struct NewMessage {
    std::uint16_t id = 0;
    std::uint8_t since = 0;
  };
  struct Settings {
    std::string kind;
    std::string message;  // full name of the settings message
    std::vector<discovery::SettingField> fields;
  };
  struct State {
    std::string kind;
    std::string message;  // full name of the state message
  };

  std::string name;
  std::string version;
  std::uint32_t abi_major = 0;
  std::uint32_t abi_minor = 0;
  std::string sdk_version;
  std::vector<std::string> provides;
  std::vector<std::string> requires_kinds;
  std::vector<std::string> shares;       // prefixes of the shared entries that its services write
  bool gateway = false;                  // its services send clients' messages on to every kind that has a route
  std::vector<Message> messages;         // sorted by id
  std::vector<NewMessage> new_messages;  // likewise
  std::vector<Settings> settings;
  std::vector<State> states;
  std::string descriptors;  // serialized google.protobuf.FileDescriptorSet of its .proto files
  std::string build_id;     // hex; empty when the file has none

  [[nodiscard]] const Message* message(std::uint16_t id) const;
  // The version of the client protocol that a message came with; 0 for the first and for messages it does not list.
  [[nodiscard]] std::uint8_t since(std::uint16_t id) const;
  [[nodiscard]] const Settings* settings_of(std::string_view kind) const;
  // Full name of a kind's state message; empty when it has none.
  [[nodiscard]] std::string_view state_of(std::string_view kind) const;
  // The routes of one of its kinds, as they are published.
  [[nodiscard]] routing::ServiceRoutes routes_of(std::string_view kind) const;
};

// Reads a plugin's manifest out of its .so without loading it. Refused, with cause and cure: what is no plugin, is cut
// short, is for another machine, or has a manifest that does not parse or is of a newer format.
base::Result<Manifest> read_manifest(const std::filesystem::path& file);

// The same from the section's bytes; `label` names the file in a refusal.
base::Result<Manifest> parse_manifest(std::string_view bytes, const std::string& label);

// Whether this host can run it: ABI, names, kinds, ids, settings.
base::Status check_manifest(const Manifest& manifest, const std::string& label);

}  // namespace cm::plugin
