#include "discovery/consul_codec.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include <boost/json.hpp>

#include "base/host_port.hpp"
#include "base/log.hpp"

namespace cm::discovery::consul {
namespace {

namespace json = boost::json;

constexpr std::string_view kTag = "cellmesh";
constexpr std::size_t kMaxRefusedTold = 16;

bool unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

std::string escaped(std::string_view text, bool keep_slash) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size() + 8);
  for (const char c : text) {
    if (unreserved(c) || (keep_slash && c == '/')) {
      out += c;
    } else {
      const auto u = static_cast<unsigned char>(c);
      out.append(1, '%').append(1, kHex[u >> 4U]).append(1, kHex[u & 15U]);
    }
  }
  return out;
}

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number out{};
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

constexpr std::size_t kMaxReason = 500;

// A string member; empty when it is missing or something else.
std::string_view text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  const json::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string_view() : std::string_view(text->data(), text->size());
}

const json::object* object_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

std::optional<std::uint64_t> number_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return std::nullopt;
  boost::system::error_code ec;
  const auto out = value->to_number<std::uint64_t>(ec);
  return ec ? std::nullopt : std::optional(out);
}

base::Result<json::array> parse_array(std::string_view body) {
  boost::system::error_code ec;
  json::value value = json::parse({body.data(), body.size()}, ec);
  if (ec) return base::error("the answer is not JSON: " + ec.message());
  if (!value.is_array()) return base::error("the answer is not a JSON list");
  return std::move(value.get_array());
}

// How Consul sees a service: passing, or `warning` with what its host says is wrong with it. Nothing when it is down.
std::optional<std::string> health_of(const json::object& entry, std::string_view id) {
  const json::value* checks = entry.if_contains("Checks");
  if (checks == nullptr || !checks->is_array()) return std::string();
  std::string reason;
  for (const json::value& value : checks->get_array()) {
    const json::object* check = value.if_object();
    if (check == nullptr) continue;
    const std::string_view status = text_of(*check, "Status");
    if (status == "critical" || status == "maintenance") return std::nullopt;
    if (status != "warning" || text_of(*check, "ServiceID") != id) continue;
    reason = text_of(*check, "Output").substr(0, kMaxReason);
    if (reason.empty()) reason = "Consul's check of it warns";
  }
  return reason;
}

bool has_tag(const json::object& service) {
  const json::value* tags = service.if_contains("Tags");
  if (tags == nullptr || !tags->is_array()) return false;
  return std::any_of(tags->get_array().begin(), tags->get_array().end(), [](const json::value& tag) {
    const json::string* text = tag.if_string();
    return text != nullptr && std::string_view(text->data(), text->size()) == kTag;
  });
}

base::Result<ServiceRecord> parse_service(const json::object& service, std::string_view kind) {
  const json::object* meta = object_of(service, "Meta");
  if (meta == nullptr) return base::error("it has no meta");
  ServiceRecord record;
  record.id = text_of(service, "ID");
  record.kind = text_of(service, "Service");
  record.group = text_of(*meta, "group");
  record.mesh = text_of(*meta, "mesh");
  record.host = text_of(*meta, "host");
  record.boot = text_of(*meta, "boot");
  record.link_address = text_of(*meta, "link");
  record.public_address = text_of(*meta, "public");
  record.draining = text_of(*meta, "draining") == "true";
  record.load = number<std::uint64_t>(text_of(*meta, "load")).value_or(0);
  const auto index = number<std::uint32_t>(text_of(*meta, "index"));
  if (!index) return base::error("its meta has no index");
  record.index = *index;
  if (record.kind != kind) return base::error("it is a " + base::log_value(record.kind));
  if (record.id != record.kind + "#" + std::to_string(record.index) + "@" + record.group)
    return base::error("its id is not its kind#index@group");
  if (record.host.empty()) return base::error("its meta names no host");
  if (const auto link = base::HostPort::parse(record.link_address); !link) return base::error(link.error().text);
  return record;
}

}  // namespace

std::string escape(std::string_view word) { return escaped(word, false); }
std::string escape_key(std::string_view key) { return escaped(key, true); }

std::string registration(const ServiceRecord& record, const ConsulConfig& config) {
  const std::string& mesh = record.mesh.empty() ? config.mesh : record.mesh;
  json::array tags{kTag};
  if (mesh != kTag) tags.emplace_back(mesh);
  json::object out{{"ID", record.id}, {"Name", record.kind}, {"Tags", std::move(tags)}};
  if (const auto link = base::HostPort::parse(record.link_address); link) {
    out["Address"] = link->host;
    out["Port"] = link->port;
  }
  out["Meta"] = {{"group", record.group},
                 {"index", std::to_string(record.index)},
                 {"mesh", mesh},
                 {"host", record.host},
                 {"boot", record.boot},
                 {"link", record.link_address},
                 {"public", record.public_address},
                 {"load", std::to_string(record.load)},
                 {"draining", record.draining ? "true" : "false"}};
  out["Check"] = {{"TTL", std::to_string(config.ttl.count()) + "ms"},
                  {"DeregisterCriticalServiceAfter", "1m"},  // Consul's shortest
                  {"Status", "passing"}};
  return json::serialize(out);
}

base::Result<Services> parse_services(std::string_view body, std::string_view kind, std::string_view mesh) {
  auto array = parse_array(body);
  if (!array) return array.error();
  Services out;
  const auto refuse = [&](std::string_view id, const std::string& why) {
    if (out.refused.size() < kMaxRefusedTold) out.refused.push_back("service " + base::log_value(id) + ": " + why);
  };
  for (const json::value& entry : *array) {
    const json::object* object = entry.if_object();
    const json::object* service = object == nullptr ? nullptr : object_of(*object, "Service");
    if (service == nullptr) {
      refuse("", "an entry without a service");
      continue;
    }
    if (!has_tag(*service)) continue;
    const json::object* meta = object_of(*service, "Meta");
    if (meta != nullptr && text_of(*meta, "mesh") != mesh) continue;
    auto health = health_of(*object, text_of(*service, "ID"));
    if (!health) continue;
    auto record = parse_service(*service, kind);
    if (record) {
      record->unhealthy = std::move(*health);
      out.records.push_back(std::move(*record));
    } else {
      refuse(text_of(*service, "ID"), record.error().text);
    }
  }
  return out;
}

base::Result<Discovery::KvMap> parse_kv(std::string_view body, std::string_view prefix) {
  auto array = parse_array(body);
  if (!array) return array.error();
  Discovery::KvMap out;
  for (const json::value& entry : *array) {
    const json::object* object = entry.if_object();
    if (object == nullptr) return base::error("an entry of the KV is no object");
    const std::string_view key = text_of(*object, "Key");
    const auto version = number_of(*object, "ModifyIndex");
    if (!key.starts_with(prefix) || !version || *version == 0)
      return base::error("an entry of the KV has no key of " + base::log_value(prefix) + " or no version");
    auto value = decode_base64(text_of(*object, "Value"));  // null when it is empty
    if (!value) return base::error("the value of " + base::log_value(key) + " is damaged: " + value.error().text);
    if (key.ends_with('/') && value->empty()) continue;  // a "folder" that Consul's UI makes
    out.insert_or_assign(std::string(key), Discovery::KvEntry{std::move(*value), *version});
  }
  return out;
}

base::Result<std::string> decode_base64(std::string_view text) {
  static constexpr auto kDigits = [] {
    std::array<std::uint8_t, 256> out{};
    out.fill(0xff);
    std::uint8_t digit = 0;
    for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
      out[static_cast<unsigned char>(c)] = digit++;
    return out;
  }();
  if (text.size() % 4 != 0) return base::error("base64 text of " + std::to_string(text.size()) + " bytes");
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool pad = i >= text.size() - padding;
    const std::uint8_t digit = pad ? 0 : kDigits[static_cast<unsigned char>(text[i])];
    if (digit == 0xff) return base::error("a character that base64 does not have");
    bits = bits << 6U | digit;
    if (i % 4 == 3) {
      out.append({static_cast<char>(bits >> 16U & 0xffU), static_cast<char>(bits >> 8U & 0xffU),
                  static_cast<char>(bits & 0xffU)});
      bits = 0;
    }
  }
  out.resize(out.size() - padding);
  return out;
}

std::uint64_t parse_index(std::string_view header) { return number<std::uint64_t>(header).value_or(0); }

}  // namespace cm::discovery::consul
