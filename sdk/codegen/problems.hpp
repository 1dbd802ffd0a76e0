#pragma once

#include <google/protobuf/descriptor.h>

#include <string>
#include <vector>

namespace cm::codegen {

// What is wrong with the .proto files, each as `file:line: message proto.X: cause and cure`. All of it is reported at
// once, so that an author does not mend one fault a build.
class Problems {
 public:
  void at(const google::protobuf::Descriptor& message, const std::string& text);
  void at(const google::protobuf::FieldDescriptor& field, const std::string& text);
  void at(const google::protobuf::FileDescriptor& file, const std::string& text);
  // Of the parameters, or of all files together.
  void general(const std::string& text) { lines_.push_back(text); }

  [[nodiscard]] bool none() const { return lines_.empty(); }
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::string> lines_;
};

// `file:line` of a message; the file alone when its line is not known.
std::string place(const google::protobuf::Descriptor& message);

}  // namespace cm::codegen
