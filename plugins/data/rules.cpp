#include "rules.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace data {
namespace {

std::string table_problem(const std::string& table) {
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  if (!table.empty() && table.size() <= max_table && std::all_of(table.begin(), table.end(), good)) return {};
  return "a table's name is 1 to 32 of a-z, 0-9 and _";
}

// That it is UTF-8 was seen when the message was parsed.
std::string key_problem(const std::string& key, const char* what) {
  if (key.size() <= max_key && key.find('\0') == std::string::npos) return {};
  return std::string(what) + " is at most 200 bytes of UTF-8, none of them zero";
}

std::string problem(const proto::DataKey& key) {
  if (auto text = table_problem(key.table()); !text.empty()) return text;
  if (key.key().empty()) return "a key is not empty";
  return key_problem(key.key(), "a key");
}

}  // namespace

std::string problem(const proto::LoadDataREQ& req) {
  if (req.keys_size() > max_rows) return "at most 100 keys in a load";
  for (const auto& key : req.keys()) {
    if (auto text = problem(key); !text.empty()) return text;
  }
  return {};
}

std::string problem(const proto::SaveDataREQ& req) {
  if (req.writes_size() > max_rows) return "at most 100 writes in a save";
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const auto& write : req.writes()) {
    if (auto text = problem(write.key()); !text.empty()) return text;
    if (write.value().size() > max_value) return "a row has at most 256 KiB";
    if (write.remove() && !write.value().empty()) return "a row that is removed has no value";
    if (!seen.emplace(write.key().table(), write.key().key()).second)
      return "the writes of a save are of different keys";
  }
  if (req.ByteSizeLong() > max_bytes) return "at most 3 MiB in a save";
  return {};
}

std::string problem(const proto::ListDataREQ& req) {
  if (auto text = table_problem(req.table()); !text.empty()) return text;
  if (auto text = key_problem(req.prefix(), "a prefix"); !text.empty()) return text;
  if (auto text = key_problem(req.after(), "`after`"); !text.empty()) return text;
  return {};
}

}  // namespace data
