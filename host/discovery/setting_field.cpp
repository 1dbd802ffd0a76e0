#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/log.hpp"
#include "base/operator_text.hpp"
#include "base/secret.hpp"
#include "base/utf8.hpp"
#include "discovery/settings.hpp"

namespace cm::discovery {
namespace {

constexpr std::size_t kMaxText = 64U << 10U;

using base::trimmed;

template <class Number>
std::string spelled(Number value) {
  std::array<char, 64> text{};
  const auto [end, ec] = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), ec == std::errc() ? end : text.data()};
}

template <class Number>
bool parse(std::string_view text, Number& out) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc() && end == text.data() + text.size();
}

// What a number may be, as the end of a sentence.
std::string allowed_numbers(const SettingField& field, std::string_view noun, const std::string& least,
                            const std::string& most) {
  const std::string from = field.min ? spelled(*field.min) : least;
  const std::string to = field.max ? spelled(*field.max) : most;
  if (from.empty() && to.empty()) return std::string(noun);
  if (to.empty()) return std::string(noun) + " from " + from + " up";
  if (from.empty()) return std::string(noun) + " up to " + to;
  return std::string(noun) + " from " + from + " to " + to;
}

base::Error refuse(std::string_view value, const std::string& allowed) {
  return base::error(base::log_value(value.substr(0, 200)) + " is not " + allowed);
}

// Nothing when it is none, or out of its range.
template <class Number>
std::optional<std::string> number(const SettingField& field, std::string_view text) {
  Number out{};
  if (!parse(trimmed(text), out)) return std::nullopt;
  if constexpr (!std::is_integral_v<Number>) {
    if (!std::isfinite(out)) return std::nullopt;
    if (out == 0) out = 0;  // no negative zero
  }
  // long double holds every 64-bit integer.
  const auto wide = static_cast<long double>(out);
  if ((field.min && wide < *field.min) || (field.max && wide > *field.max)) return std::nullopt;
  return spelled(out);
}

template <class Number>
std::string allowed_numbers(const SettingField& field) {
  const char* noun = std::is_integral_v<Number> ? "whole number" : "number";
  const std::string nouns = field.list ? std::string(noun) + "s" : "a " + std::string(noun);
  if constexpr (std::is_integral_v<Number>) {
    return allowed_numbers(field, nouns, spelled(std::numeric_limits<Number>::min()),
                           spelled(std::numeric_limits<Number>::max()));
  } else {
    return allowed_numbers(field, nouns, "", "");
  }
}

std::vector<std::string_view> items_of(std::string_view list) {
  std::vector<std::string_view> items;
  if (trimmed(list).empty()) return items;
  for (;;) {
    const auto comma = list.find(',');
    items.push_back(trimmed(list.substr(0, comma)));
    if (comma == std::string_view::npos) return items;
    list.remove_prefix(comma + 1);
  }
}

template <class Number>
base::Result<std::string> check_list(const SettingField& field, std::string_view value) {
  const std::string allowed = "a list of " + std::to_string(field.min_items) + " to " +
                              std::to_string(field.max_items) + " " + allowed_numbers<Number>(field) +
                              " with commas between them";
  const auto items = items_of(value);
  if (items.size() < field.min_items || items.size() > field.max_items)
    return refuse(value, allowed + ": it has " + std::to_string(items.size()));
  std::string all;
  for (const std::string_view item : items) {
    const auto good = number<Number>(field, item);
    if (!good) return refuse(value, allowed + ": " + base::log_value(item.substr(0, 200)) + " is none");
    all += (all.empty() ? "" : ", ") + *good;
  }
  return all;
}

template <class Number>
base::Result<std::string> check_number(const SettingField& field, std::string_view value) {
  if (field.list) return check_list<Number>(field, value);
  auto good = number<Number>(field, value);
  if (!good) return refuse(value, allowed_numbers<Number>(field));
  return std::move(*good);
}

base::Result<std::string> check_bool(std::string_view value) {
  if (value != "true" && value != "false") return refuse(value, "true or false");
  return std::string(value);
}

// As routing::ServiceName has it.
bool is_kind(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
}

base::Result<std::string> check_text(const SettingField& field, std::string_view value) {
  if (field.choices.empty()) {
    if (value.size() > kMaxText)
      return base::error("a text of " + std::to_string(value.size()) + " bytes is longer than " +
                         std::to_string(kMaxText));
    if (field.kind && !is_kind(value) && value != field.default_value)
      return refuse(value, "a kind of service: 1 to 64 letters, digits, '_', '.' or '-'");
    return std::string(value);
  }
  if (std::find(field.choices.begin(), field.choices.end(), value) != field.choices.end()) return std::string(value);
  std::string all;
  for (const std::string& choice : field.choices) all += (all.empty() ? "" : ", ") + ("\"" + choice + "\"");
  return refuse(value, field.choices.size() == 1 ? all : "one of " + all);
}

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) out += static_cast<char>(value | 0x80U);
  out += static_cast<char>(value);
}

void put_fixed64(std::string& out, std::uint64_t value) {
  for (int i = 0; i < 8; ++i, value >>= 8U) out += static_cast<char>(value & 0xffU);
}

template <class Number>
Number number_or_zero(std::string_view text) {
  Number out{};
  return parse(text, out) ? out : Number{};
}

enum : std::uint32_t { kVarint = 0, kFixed64 = 1, kLength = 2 };

std::uint32_t wire_type(SettingType type) {
  if (type == SettingType::text) return kLength;
  return type == SettingType::real ? kFixed64 : kVarint;
}

// Without its tag.
void encode_value(std::string& out, SettingType type, std::string_view value) {
  switch (type) {
    case SettingType::boolean:
      return put_varint(out, value == "true" ? 1 : 0);
    case SettingType::int32:
    case SettingType::int64:  // a negative int32 is sign-extended, as protobuf has it
      return put_varint(out, static_cast<std::uint64_t>(number_or_zero<std::int64_t>(value)));
    case SettingType::uint32:
    case SettingType::uint64:
      return put_varint(out, number_or_zero<std::uint64_t>(value));
    case SettingType::real:
      return put_fixed64(out, std::bit_cast<std::uint64_t>(number_or_zero<double>(value)));
    case SettingType::text:
      put_varint(out, value.size());
      out += value;
  }
}

void encode(std::string& out, const SettingField& field, std::string_view value) {
  const auto tag = [&](std::uint32_t wire) { put_varint(out, std::uint64_t{field.number} << 3U | wire); };
  if (!field.list) {
    tag(wire_type(field.type));
    return encode_value(out, field.type, value);
  }
  std::string packed;
  for (const std::string_view item : items_of(value)) encode_value(packed, field.type, item);
  if (packed.empty()) return;
  tag(kLength);
  put_varint(out, packed.size());
  out += packed;
}

}  // namespace

base::Result<std::string> SettingField::check(std::string_view value) const {
  // What the plugin's author wrote holds, whatever a person may write: older code generators let anything pass.
  const bool declared = value == default_value || std::find(choices.begin(), choices.end(), value) != choices.end();
  if (type == SettingType::text && declared && base::is_utf8(value)) return check_text(*this, value);
  const auto clean =
      base::clean_text(value, type == SettingType::text ? base::TextForm::line_or_pem : base::TextForm::line);
  if (!clean) return clean.error();
  switch (type) {
    case SettingType::boolean:
      return check_bool(*clean);
    case SettingType::int32:
      return check_number<std::int32_t>(*this, *clean);
    case SettingType::int64:
      return check_number<std::int64_t>(*this, *clean);
    case SettingType::uint32:
      return check_number<std::uint32_t>(*this, *clean);
    case SettingType::uint64:
      return check_number<std::uint64_t>(*this, *clean);
    case SettingType::real:
      return check_number<double>(*this, *clean);
    case SettingType::text:
      break;
  }
  return check_text(*this, *clean);
}

std::string SettingField::shown(std::string_view value) const {
  return secret ? base::masked(value, url) : std::string(value);
}

std::string encode_settings(const std::vector<SettingField>& fields, const SettingValues& values) {
  std::vector<const SettingField*> ordered;
  for (const SettingField& field : fields) ordered.push_back(&field);
  std::sort(ordered.begin(), ordered.end(), [](const auto* a, const auto* b) { return a->number < b->number; });
  std::string out;
  for (const SettingField* field : ordered) {
    const auto it = values.find(field->name);
    encode(out, *field, it == values.end() ? std::string_view(field->default_value) : std::string_view(it->second));
  }
  return out;
}

}  // namespace cm::discovery
