#pragma once

#include <google/protobuf/descriptor.h>

#include <string>
#include <vector>

#include "problems.hpp"

namespace cm::codegen {

enum class Runtime { lite, full };

// The same files as C++ is generated from them: without custom options, the extensions that declare them and the
// imports that held nothing else. A header that includes options.pb.h would pull descriptor.pb.h, and with it the full
// runtime, into every plugin.
class StrippedFiles {
 public:
  // With Runtime::lite the files are marked for the lite runtime, and a message of a file that is not in `files` is a
  // problem: there would be no lite class for it.
  StrippedFiles(const std::vector<const google::protobuf::FileDescriptor*>& files, Runtime runtime, Problems& problems);

  // The stripped files, in the order given. Owned by this.
  [[nodiscard]] const std::vector<const google::protobuf::FileDescriptor*>& files() const { return stripped_; }

 private:
  const google::protobuf::FileDescriptor* add(const google::protobuf::FileDescriptor& file, Runtime runtime,
                                              Problems& problems);

  google::protobuf::DescriptorPool pool_;
  std::vector<const google::protobuf::FileDescriptor*> stripped_;
};

}  // namespace cm::codegen
