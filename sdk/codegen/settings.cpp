#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model.hpp"

namespace cm::codegen {

namespace pb = google::protobuf;
using cellmesh::Manifest;

namespace {

Manifest::Type type_of(const pb::FieldDescriptor& field) {
  switch (field.type()) {
    case pb::FieldDescriptor::TYPE_BOOL:
      return Manifest::BOOL;
    case pb::FieldDescriptor::TYPE_INT32:
      return Manifest::INT32;
    case pb::FieldDescriptor::TYPE_INT64:
      return Manifest::INT64;
    case pb::FieldDescriptor::TYPE_UINT32:
      return Manifest::UINT32;
    case pb::FieldDescriptor::TYPE_UINT64:
      return Manifest::UINT64;
    case pb::FieldDescriptor::TYPE_DOUBLE:
      return Manifest::DOUBLE;
    case pb::FieldDescriptor::TYPE_STRING:
      return Manifest::STRING;
    default:
      return Manifest::TYPE_NONE;
  }
}

template <typename T>
std::optional<double> number(const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return static_cast<double>(value);
}

std::optional<double> number(Manifest::Type type, const std::string& text) {
  switch (type) {
    case Manifest::INT32:
      return number<std::int32_t>(text);
    case Manifest::INT64:
      return number<std::int64_t>(text);
    case Manifest::UINT32:
      return number<std::uint32_t>(text);
    case Manifest::UINT64:
      return number<std::uint64_t>(text);
    default: {
      const auto value = number<double>(text);
      return value && std::isfinite(*value) ? value : std::nullopt;
    }
  }
}

std::string plain(double value) {
  char text[64];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  return error == std::errc() ? std::string(text, end) : std::to_string(value);
}

void check_number(const pb::FieldDescriptor& field, const Manifest::Field& f, Problems& problems) {
  if (f.choices_size() > 0) problems.at(field, "choices are for string settings; use min and max");
  if ((f.has_min() && !std::isfinite(f.min())) || (f.has_max() && !std::isfinite(f.max()))) {
    problems.at(field, "min and max are finite numbers; leave one out for no limit");
    return;
  }
  if (f.has_min() && f.has_max() && f.min() > f.max()) {
    problems.at(field, "its min " + plain(f.min()) + " is above its max " + plain(f.max()) + "; swap them");
    return;
  }
  for (const std::string& text : f.list() ? list_items(f.default_value()) : std::vector{f.default_value()}) {
    const auto value = number(f.type(), text);
    if (!value) {
      problems.at(field, "default \"" + text + "\" is no " + field.type_name() +
                             "; write one that is, or change the field's type");
    } else if ((f.has_min() && *value < f.min()) || (f.has_max() && *value > f.max())) {
      problems.at(field, "default " + text + " is out of its own range, " + (f.has_min() ? plain(f.min()) : "any") +
                             " to " + (f.has_max() ? plain(f.max()) : "any") + "; change the default or the range");
    }
  }
}

void check_items(const pb::FieldDescriptor& field, const Manifest::Field& f, Problems& problems) {
  if (f.max_items() > kMaxItems || f.min_items() > f.max_items()) {
    problems.at(field, "min_items and max_items are up to " + std::to_string(kMaxItems) +
                           ", the least not above the most; it says " + std::to_string(f.min_items()) + " to " +
                           std::to_string(f.max_items()));
    return;
  }
  const std::size_t count = list_items(f.default_value()).size();
  if (count < f.min_items() || count > f.max_items()) {
    problems.at(field, "default \"" + f.default_value() + "\" has " + std::to_string(count) + " numbers, not " +
                           std::to_string(f.min_items()) + " to " + std::to_string(f.max_items()) +
                           "; change the default, min_items or max_items");
  }
}

void check_secret(const pb::FieldDescriptor& field, const Manifest::Field& f, Problems& problems) {
  if (f.url() && !f.secret()) problems.at(field, "url says how a secret is masked; add secret: true, or take it out");
  if (!f.secret()) return;
  if (f.type() != Manifest::STRING || f.list() || f.choices_size() > 0) {
    problems.at(field, "a secret is a string without choices; change its type, or take secret out");
  }
  if (!f.default_value().empty()) {
    problems.at(field, "a secret has no default, which everybody could read in the library; take the default out");
  }
}

void check(const pb::FieldDescriptor& field, const Manifest::Field& f, Problems& problems) {
  const bool ranged = f.has_min() || f.has_max();
  if (f.type() == Manifest::BOOL) {
    if (ranged || f.choices_size() > 0) problems.at(field, "a bool setting has no min, max or choices; remove them");
    if (f.default_value() != "true" && f.default_value() != "false") {
      problems.at(field, "default \"" + f.default_value() + "\" is no bool; write \"true\" or \"false\"");
    }
  } else if (f.type() == Manifest::STRING) {
    if (ranged) problems.at(field, "min and max are for numbers; use choices");
    const auto& choices = f.choices();
    if (!choices.empty() && std::find(choices.begin(), choices.end(), f.default_value()) == choices.end()) {
      problems.at(field,
                  "default \"" + f.default_value() + "\" is not among its choices; add it to them, or choose one");
    }
  } else {
    check_number(field, f, problems);
  }
}

}  // namespace

std::vector<std::string> list_items(const std::string& text) {
  static constexpr const char* kSpace = " \t\r\n";
  std::vector<std::string> items;
  if (text.find_first_not_of(kSpace) == std::string::npos) return items;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t comma = std::min(text.find(',', from), text.size());
    std::string item = text.substr(from, comma - from);
    const auto first = item.find_first_not_of(kSpace);
    items.push_back(first == std::string::npos ? "" : item.substr(first, item.find_last_not_of(kSpace) - first + 1));
    from = comma + 1;
  }
  return items;
}

Manifest::Settings read_settings(const pb::Descriptor& message, Problems& problems) {
  Manifest::Settings settings;
  settings.set_kind(message.options().GetExtension(cellmesh::settings));
  settings.set_message(message.full_name());
  if (!is_name(settings.kind())) {
    problems.at(message, "(cellmesh.settings) = \"" + settings.kind() + "\" names no kind of service; " +
                             std::string(kNameRule));
  }
  for (int i = 0; i < message.field_count(); ++i) {
    const auto& field = *message.field(i);
    const auto type = type_of(field);
    const bool list = field.is_repeated();
    if (type == Manifest::TYPE_NONE || (list && (type == Manifest::BOOL || type == Manifest::STRING))) {
      problems.at(field,
                  "a setting is a bool, int32, int64, uint32, uint64, double or string, or a list of numbers, "
                  "repeated int32 say; change its type");
      continue;
    }
    if (field.real_containing_oneof() != nullptr) {
      problems.at(field, "a setting always has a value, so it cannot be part of a oneof; take it out");
      continue;
    }
    const auto& option = field.options().GetExtension(cellmesh::setting);
    auto& f = *settings.add_fields();
    f.set_name(field.name());
    f.set_number(static_cast<std::uint32_t>(field.number()));
    f.set_type(type);
    f.set_default_value(option.default_());
    if (f.default_value().empty() && type != Manifest::STRING && !list)
      f.set_default_value(type == Manifest::BOOL ? "false" : "0");
    if (option.has_min()) f.set_min(option.min());
    if (option.has_max()) f.set_max(option.max());
    *f.mutable_choices() = option.choices();
    f.set_help(option.help());
    f.set_restart(option.restart());
    f.set_secret(option.secret());
    f.set_url(option.url());
    f.set_kind(option.kind());
    if (f.kind() && (type != Manifest::STRING || f.secret())) {
      problems.at(field, "kind is for a string setting that is no secret; change its type, or take kind out");
    }
    check_secret(field, f, problems);
    if (list) {
      f.set_list(true);
      f.set_min_items(option.min_items());
      f.set_max_items(option.max_items() == 0 ? kMaxItems : option.max_items());
      check_items(field, f, problems);
    } else if (option.min_items() != 0 || option.max_items() != 0) {
      problems.at(field, "min_items and max_items are for repeated fields; use min and max");
    }
    check(field, f, problems);
  }
  return settings;
}

}  // namespace cm::codegen
