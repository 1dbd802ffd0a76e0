#pragma once

#include <google/protobuf/descriptor.h>

#include <string>
#include <vector>

#include "model.hpp"

namespace cm::codegen {

// The plugin that the files are generated for.
struct PluginInfo {
  std::string name;  // empty: for no plugin
  std::string version;
  std::vector<std::string> provides;
  std::vector<std::string> requires_kinds;
};

// `client.proto` -> `client`.
std::string base_name(const google::protobuf::FileDescriptor& file);

// `<base>.cellmesh.hpp`: what the C++ face knows of the messages of one file.
std::string traits_header(const google::protobuf::FileDescriptor& file, const Model& model);

// `<plugin>.plugin.hpp`: what the C++ face knows of the plugin.
std::string plugin_header(const std::vector<const google::protobuf::FileDescriptor*>& files, const Model& model,
                          const PluginInfo& plugin);

cellmesh::Manifest manifest(const std::vector<const google::protobuf::FileDescriptor*>& files, const Model& model,
                            const PluginInfo& plugin);

// `<plugin>.manifest.c`: the manifest as bytes in a section of the library.
std::string manifest_source(const cellmesh::Manifest& manifest);

}  // namespace cm::codegen
