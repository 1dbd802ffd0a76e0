#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace cm::test {

// A folder of .proto files, and protoc with protoc-gen-cellmesh run over them.
class Protoc {
 public:
  Protoc();
  Protoc(const Protoc&) = delete;
  Protoc& operator=(const Protoc&) = delete;
  ~Protoc();

  static constexpr const char* kHead = "syntax = \"proto3\"; package proto; import \"cellmesh/options.proto\";\n";
  // A file of `head` and `body`, which begins on line 2.
  void add(const std::string& name, const std::string& body, const std::string& head = kHead);
  // True when protoc was content.
  bool run(const std::string& parameters, const std::vector<std::string>& protos);

  // What it complained of.
  [[nodiscard]] const std::string& errors() const { return errors_; }
  // A file that it wrote; empty when it did not.
  [[nodiscard]] std::string output(const std::string& name) const;

 private:
  std::filesystem::path dir_;
  std::string errors_;
};

}  // namespace cm::test
