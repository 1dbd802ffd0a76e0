#include "storage.hpp"

#include <algorithm>

#include "rules.hpp"

namespace data {
namespace {

constexpr std::uint32_t last_code_point = 0x10FFFF;
constexpr std::uint32_t first_surrogate = 0xD800;
constexpr std::uint32_t after_surrogates = 0xE000;

std::uint32_t byte_of(char c) { return static_cast<unsigned char>(c); }

std::uint32_t decode(std::string_view bytes) {
  const std::uint32_t first = byte_of(bytes[0]);
  std::uint32_t code = bytes.size() == 1 ? first : first & (0x7FU >> bytes.size());
  for (const char c : bytes.substr(1)) code = code << 6U | (byte_of(c) & 0x3FU);
  return code;
}

std::string encode(std::uint32_t code) {
  const auto tail = [code](unsigned shift) { return static_cast<char>(0x80U | ((code >> shift) & 0x3FU)); };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xC0U | code >> 6U), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xE0U | code >> 12U), tail(6), tail(0)};
  return {static_cast<char>(0xF0U | code >> 18U), tail(12), tail(6), tail(0)};
}

// Just after every key that begins with the prefix.
std::string end_of_prefix(std::string_view prefix) {
  while (!prefix.empty()) {
    std::size_t last = prefix.size() - 1;
    while (last > 0 && (byte_of(prefix[last]) & 0xC0U) == 0x80U) --last;
    std::uint32_t next = decode(prefix.substr(last)) + 1;
    prefix = prefix.substr(0, last);
    if (next == first_surrogate) next = after_surrogates;
    if (next <= last_code_point) return std::string(prefix) + encode(next);
  }
  std::string end;  // of all: longer than a key may be
  while (end.size() <= max_key) end += encode(last_code_point);
  return end;
}

}  // namespace

bool PageMaker::add(std::string_view key, std::uint64_t version, std::string_view value) {
  bytes_ += key.size() + value.size();
  page_.more = page_.rows.size() == query_.rows || (bytes_ > query_.bytes && !page_.rows.empty());
  if (page_.more) return false;
  page_.rows.push_back({{query_.table, std::string(key)}, version, std::string(value)});
  return true;
}

KeyRange range_of(const ListQuery& query) {
  KeyRange range{query.prefix, end_of_prefix(query.prefix)};
  if (query.after.empty()) return range;
  if (query.backwards) {
    range.end = std::min(range.end, query.after);
  } else {
    range.first = std::max(range.first, query.after + '\1');  // no key has a zero
  }
  return range;
}

std::string newer_schema(const std::string& what, std::size_t number, std::size_t known) {
  return "the schema of " + what + " is number " + std::to_string(number) +
         ", and this version of the data plugin knows those up to " + std::to_string(known) +
         "; run one that is as new as the schema";
}

}  // namespace data
