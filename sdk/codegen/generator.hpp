#pragma once

#include <google/protobuf/compiler/code_generator.h>

#include <string>
#include <vector>

namespace cm::codegen {

// What protoc runs for each .proto: writes `<base>.cellmesh.hpp` (ids, routes and settings for the C++ face).
// Parameters, `key=value` joined by commas:
//   runtime=lite|full   also `<base>.pb.h` and `<base>.pb.cc`, free of custom options, for that protobuf runtime
//   language=c          only `NAME.plugin.h` and `NAME.manifest.c`, for a plugin without the C++ face
//   language=js         only `NAME.js`, an ES module for clients in a browser or node
//   module=NAME         what that is called
//   plugin=NAME         also `NAME.plugin.hpp` and `NAME.manifest.c`, for all files of this run together
//   version=X.Y.Z       the plugin's version
//   provides=KIND       a kind of service that it provides; may be repeated
//   requires=KIND       a kind of service that it talks to; may be repeated
//   shares=PREFIX       entries in the KV that its services write, as token_keys/; may be repeated
//   gateway=true        its services send clients' messages on to every kind that has a route
//   robot=true          its kinds are robots, which no host runs as services
class Generator : public google::protobuf::compiler::CodeGenerator {
 public:
  bool Generate(const google::protobuf::FileDescriptor* file, const std::string& parameter,
                google::protobuf::compiler::GeneratorContext* context, std::string* error) const override;
  bool GenerateAll(const std::vector<const google::protobuf::FileDescriptor*>& files, const std::string& parameter,
                   google::protobuf::compiler::GeneratorContext* context, std::string* error) const override;
  bool HasGenerateAll() const override { return true; }
  uint64_t GetSupportedFeatures() const override { return FEATURE_PROTO3_OPTIONAL; }
};

}  // namespace cm::codegen
