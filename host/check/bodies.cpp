#include "check/bodies.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <array>
#include <limits>

namespace cm::check {
namespace {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;

constexpr int kDeepest = 3;

std::string random_text(Random& random) {
  static constexpr std::array<std::string_view, 8> kWords{
      "",       "a", "peer#7@check",         "hub#7@check",
      "status", "0", "\xc3\xa4\xe2\x82\xac", "a text of some length, with spaces"};
  if (!random.chance(3)) return std::string(kWords[random.below(kWords.size())]);
  std::string text(random.below(40), ' ');
  for (char& c : text) c = static_cast<char>('a' + random.below(26));
  return text;
}

template <class Number>
Number random_number(Random& random) {
  using Limits = std::numeric_limits<Number>;
  switch (random.below(6)) {
    case 0:
      return Limits::max();
    case 1:
      return Limits::lowest();
    case 2:
      return static_cast<Number>(random.next());
    default:
      return static_cast<Number>(random.below(10));
  }
}

void fill(pb::Message& message, Random& random, int depth);

void set(pb::Message& message, const Field* field, Random& random, int depth) {
  const auto& reflection = *message.GetReflection();
  const bool many = field->is_repeated();
  const auto put = [&](auto one, auto more, auto value) {
    many ? (reflection.*more)(&message, field, value) : (reflection.*one)(&message, field, value);
  };
  using R = pb::Reflection;
  switch (field->cpp_type()) {
    case Field::CPPTYPE_INT32:
      return put(&R::SetInt32, &R::AddInt32, random_number<std::int32_t>(random));
    case Field::CPPTYPE_INT64:
      return put(&R::SetInt64, &R::AddInt64, random_number<std::int64_t>(random));
    case Field::CPPTYPE_UINT32:
      return put(&R::SetUInt32, &R::AddUInt32, random_number<std::uint32_t>(random));
    case Field::CPPTYPE_UINT64:
      return put(&R::SetUInt64, &R::AddUInt64, random_number<std::uint64_t>(random));
    case Field::CPPTYPE_DOUBLE:
      return put(&R::SetDouble, &R::AddDouble, static_cast<double>(random_number<std::int32_t>(random)));
    case Field::CPPTYPE_FLOAT:
      return put(&R::SetFloat, &R::AddFloat, static_cast<float>(random_number<std::int32_t>(random)));
    case Field::CPPTYPE_BOOL:
      return put(&R::SetBool, &R::AddBool, random.chance(2));
    case Field::CPPTYPE_ENUM:
      return put(
          &R::SetEnumValue, &R::AddEnumValue,
          field->enum_type()
              ->value(static_cast<int>(random.below(static_cast<std::size_t>(field->enum_type()->value_count()))))
              ->number());
    case Field::CPPTYPE_STRING: {
      const std::string text =
          field->type() == Field::TYPE_BYTES ? random.bytes(random.below(40)) : random_text(random);
      many ? reflection.AddString(&message, field, text) : reflection.SetString(&message, field, text);
      return;
    }
    case Field::CPPTYPE_MESSAGE:
      if (depth == kDeepest) return;
      fill(many ? *reflection.AddMessage(&message, field) : *reflection.MutableMessage(&message, field), random,
           depth + 1);
  }
}

void fill(pb::Message& message, Random& random, int depth) {
  const auto& descriptor = *message.GetDescriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const Field* field = descriptor.field(i);
    if (random.chance(5)) continue;
    const std::size_t times = field->is_repeated() ? random.below(4) : 1;
    for (std::size_t n = 0; n < times; ++n) set(message, field, random, depth);
  }
}

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) out += static_cast<char>(value | 0x80U);
  out += static_cast<char>(value);
}

// Fields 1 to 6 with numbers and texts, as a message that nobody described may have them.
std::string of_any_shape(Random& random) {
  std::string out;
  for (std::uint64_t field = 1; field <= 6; ++field) {
    if (random.chance(2)) continue;
    const bool text = random.chance(2);
    put_varint(out, field << 3U | (text ? 2U : 0U));
    if (text) {
      const std::string value = random_text(random);
      put_varint(out, value.size());
      out += value;
    } else {
      put_varint(out, random_number<std::uint64_t>(random));
    }
  }
  return out;
}

}  // namespace

struct Bodies::Types {
  pb::DescriptorPool pool;
  pb::DynamicMessageFactory factory{&pool};

  [[nodiscard]] std::unique_ptr<pb::Message> make(std::string_view name) const {
    const auto* descriptor = pool.FindMessageTypeByName(std::string(name));
    auto& shared = const_cast<pb::DynamicMessageFactory&>(factory);  // a cache
    return std::unique_ptr<pb::Message>(descriptor != nullptr ? shared.GetPrototype(descriptor)->New() : nullptr);
  }
};

Bodies::Bodies(const plugin::Manifest& manifest) : types_(std::make_unique<Types>()) {
  pb::FileDescriptorSet files;
  if (!files.ParseFromString(manifest.descriptors)) {
    problem_ = "the descriptors of its messages do not parse";
    return;
  }
  for (const auto& file : files.file()) {
    if (types_->pool.BuildFile(file) != nullptr) continue;
    problem_ = "the descriptor of " + file.name() + " does not fit those before it";
    return;
  }
}

Bodies::~Bodies() = default;

bool Bodies::knows(std::string_view message) const {
  return types_->pool.FindMessageTypeByName(std::string(message)) != nullptr;
}

std::string Bodies::valid(std::string_view message, Random& random) const {
  const auto made = types_->make(message);
  if (made == nullptr) return of_any_shape(random);
  for (int n = 0; n < 5 && (n == 0 || made->ByteSizeLong() == 0); ++n) fill(*made, random, 0);
  return made->SerializePartialAsString();
}

std::string Bodies::long_valid(std::string_view message, Random& random) const {
  std::string longest;
  for (int i = 0; i < 8; ++i) {
    std::string body = valid(message, random);
    if (body.size() > longest.size()) longest = std::move(body);
  }
  return longest;
}

bool Bodies::equal(std::string_view message, const std::string& a, const std::string& b) const {
  if (a == b) return true;
  const auto left = types_->make(message);
  const auto right = types_->make(message);
  if (left == nullptr || !left->ParseFromString(a) || !right->ParseFromString(b)) return false;
  pb::util::MessageDifferencer differ;
  differ.set_repeated_field_comparison(pb::util::MessageDifferencer::AS_SET);
  return differ.Compare(*left, *right);
}

std::string Bodies::text(std::string_view message, const std::string& body) const {
  const auto made = types_->make(message);
  if (made == nullptr || !made->ParseFromString(body)) return in_hex(body);
  return "{ " + made->ShortDebugString().substr(0, 300) + " }";
}

std::string filled(std::size_t size) {
  for (std::size_t text = size; text > 0; --text) {
    std::string body = "\x0a";
    put_varint(body, text);
    if (body.size() + text != size) continue;
    return body + std::string(text, 'x');
  }
  return {};
}

std::string in_hex(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  static constexpr std::size_t kShown = 32;
  std::string out;
  for (const char c : bytes.substr(0, kShown)) {
    const auto byte = static_cast<unsigned char>(c);
    out.append(1, kDigits[byte >> 4U]).append(1, kDigits[byte & 15U]);
  }
  return out + (bytes.size() > kShown ? "..., " : out.empty() ? "" : ", ") + std::to_string(bytes.size()) + " bytes";
}

}  // namespace cm::check
