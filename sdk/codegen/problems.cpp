#include "problems.hpp"

namespace cm::codegen {

namespace pb = google::protobuf;

namespace {

template <typename D>
std::string place_of(const D& descriptor) {
  pb::SourceLocation location;
  if (!descriptor.GetSourceLocation(&location)) return descriptor.file()->name();
  return descriptor.file()->name() + ":" + std::to_string(location.start_line + 1);
}

}  // namespace

std::string place(const pb::Descriptor& message) { return place_of(message); }

void Problems::at(const pb::Descriptor& message, const std::string& text) {
  lines_.push_back(place_of(message) + ": message " + message.full_name() + ": " + text);
}

void Problems::at(const pb::FieldDescriptor& field, const std::string& text) {
  lines_.push_back(place_of(field) + ": message " + field.containing_type()->full_name() + ", field " + field.name() +
                   ": " + text);
}

void Problems::at(const pb::FileDescriptor& file, const std::string& text) {
  lines_.push_back(file.name() + ": " + text);
}

std::string Problems::text() const {
  std::string all;
  for (const auto& line : lines_) all += (all.empty() ? "" : "\n") + line;
  return all;
}

}  // namespace cm::codegen
