#pragma once

#include <google/protobuf/descriptor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cellmesh/manifest.pb.h"
#include "cellmesh/options.pb.h"
#include "problems.hpp"

namespace cm::codegen {

// A message that can be sent.
struct Message {
  const google::protobuf::Descriptor* descriptor = nullptr;
  std::uint16_t id = 0;
  std::string service;  // empty: no route
  cellmesh::Route route = cellmesh::ROUTE_NONE;
  std::uint32_t since = 0;  // version of the client protocol; 0: the first
};

// A message that holds the settings of a kind of service.
struct Settings {
  const google::protobuf::Descriptor* descriptor = nullptr;
  cellmesh::Manifest::Settings manifest;
};

// A message that is the state of a kind of service.
struct State {
  const google::protobuf::Descriptor* descriptor = nullptr;
  std::string kind;
};

// What the .proto files of one run of protoc say, in their order.
struct Model {
  std::vector<Message> messages;
  std::vector<Settings> settings;
  std::vector<State> states;
};

Model read_model(const std::vector<const google::protobuf::FileDescriptor*>& files, Problems& problems);

// The settings that a message with `option (cellmesh.settings)` declares.
cellmesh::Manifest::Settings read_settings(const google::protobuf::Descriptor& message, Problems& problems);

// The numbers in the text of a repeated setting, "100, 200, 400".
std::vector<std::string> list_items(const std::string& text);
inline constexpr std::uint32_t kMaxItems = 1000;

// Names of kinds of service and of plugins: 1 to 64 of [A-Za-z0-9_.-].
bool is_name(std::string_view name);
inline constexpr const char* kNameRule = "a name is 1 to 64 characters of A-Z a-z 0-9 _ . -";

}  // namespace cm::codegen
