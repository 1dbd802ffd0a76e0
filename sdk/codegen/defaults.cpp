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

// Sets a field, or adds to a repeated one.
void put(pb::Message& message, const pb::FieldDescriptor& field, Manifest::Type type, const std::string& text) {
  const auto put = [&](auto one, auto more, auto value) {
    (message.GetReflection()->*(field.is_repeated() ? more : one))(&message, &field, value);
  };
  using R = pb::Reflection;
  switch (type) {
    case Manifest::BOOL:
      return put(&R::SetBool, &R::AddBool, text == "true");
    case Manifest::INT32:
      return put(&R::SetInt32, &R::AddInt32, value_of<std::int32_t>(text));
    case Manifest::INT64:
      return put(&R::SetInt64, &R::AddInt64, value_of<std::int64_t>(text));
    case Manifest::UINT32:
      return put(&R::SetUInt32, &R::AddUInt32, value_of<std::uint32_t>(text));
    case Manifest::UINT64:
      return put(&R::SetUInt64, &R::AddUInt64, value_of<std::uint64_t>(text));
    case Manifest::DOUBLE:
      return put(&R::SetDouble, &R::AddDouble, value_of<double>(text));
    case Manifest::STRING:
      return put(&R::SetString, &R::AddString, text);
    default:
      return;
  }
}

void set(pb::Message& message, const pb::FieldDescriptor& field, const Manifest::Field& f) {
  if (!f.list()) return put(message, field, f.type(), f.default_value());
  for (const std::string& item : list_items(f.default_value())) put(message, field, f.type(), item);
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
