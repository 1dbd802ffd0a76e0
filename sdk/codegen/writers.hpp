#pragma once

#include <google/protobuf/descriptor.h>

#include <cstdint>
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
  std::vector<std::string> shares;
  bool gateway = false;
  bool robot = false;
};

// `client.proto` -> `client`.
std::string base_name(const google::protobuf::FileDescriptor& file);

// `<base>.cellmesh.hpp`: what the C++ face knows of the messages of one file.
std::string traits_header(const google::protobuf::FileDescriptor& file, const Model& model);

// CELLMESH_PLUGIN_NAME, _VERSION and _PROVIDES, which both headers define.
std::string plugin_macros(const PluginInfo& plugin);

// A settings message with its defaults, serialized.
std::string default_bytes(const Settings& settings);

// `<plugin>.plugin.hpp`: what the C++ face knows of the plugin.
std::string plugin_header(const std::vector<const google::protobuf::FileDescriptor*>& files, const Model& model,
                          const PluginInfo& plugin);

// A macro of the header in C: the id of a message, or the number of a field.
struct CConstant {
  std::string name;
  std::uint32_t value = 0;
  std::string full_name;
};
// Those of a plugin in C. Names that differ in case alone, or in a dot for an underscore, are a problem.
std::vector<CConstant> c_constants(const Model& model, Problems& problems);

// `<plugin>.plugin.h`: what a plugin in C knows of itself and its messages.
std::string c_header(const std::vector<CConstant>& constants, const PluginInfo& plugin);

// `<module>.js`: an ES module with the codec, and the messages and enums of the files.
std::string js_module(const std::vector<const google::protobuf::FileDescriptor*>& files, const Model& model,
                      Problems& problems);

cellmesh::Manifest manifest(const std::vector<const google::protobuf::FileDescriptor*>& files, const Model& model,
                            const PluginInfo& plugin);

// `<plugin>.manifest.c`: the manifest as bytes in a section of the library.
std::string manifest_source(const cellmesh::Manifest& manifest);

}  // namespace cm::codegen
