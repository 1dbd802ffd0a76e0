#include <google/protobuf/dynamic_message.h>

#include <charconv>
#include <memory>
#include <string>

#include "writers.hpp"

namespace cm::codegen {

namespace pb = google::protobuf;
using cellmesh::Manifest;

namespace {

// Of a text that read_settings() found good.
template <typename T>
T value_of(const std::string& text) {
  T value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void set(pb::Message& message, const pb::FieldDescriptor& field, const Manifest::Field& f) {
  const pb::Reflection& reflection = *message.GetReflection();
  const std::string& text = f.default_value();
  switch (f.type()) {
    case Manifest::BOOL:
      return reflection.SetBool(&message, &field, text == "true");
    case Manifest::INT32:
      return reflection.SetInt32(&message, &field, value_of<std::int32_t>(text));
    case Manifest::INT64:
      return reflection.SetInt64(&message, &field, value_of<std::int64_t>(text));
    case Manifest::UINT32:
      return reflection.SetUInt32(&message, &field, value_of<std::uint32_t>(text));
    case Manifest::UINT64:
      return reflection.SetUInt64(&message, &field, value_of<std::uint64_t>(text));
    case Manifest::DOUBLE:
      return reflection.SetDouble(&message, &field, value_of<double>(text));
    case Manifest::STRING:
      return reflection.SetString(&message, &field, text);
    default:
      return;
  }
}

}  // namespace

std::string default_bytes(const Settings& settings) {
  pb::DynamicMessageFactory factory(settings.descriptor->file()->pool());
  const std::unique_ptr<pb::Message> message(factory.GetPrototype(settings.descriptor)->New());
  for (const auto& f : settings.manifest.fields()) {
    set(*message, *settings.descriptor->FindFieldByNumber(static_cast<int>(f.number())), f);
  }
  return message->SerializeAsString();
}

}  // namespace cm::codegen
