#include "plugin/state_copy.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstring>
#include <new>
#include <utility>

namespace cm::plugin {
namespace {

namespace pb = google::protobuf;

constexpr std::size_t kMaxTableName = 200;

}  // namespace

void StateCopy::apply(const Row& row) {
  auto& table = tables[row.table];
  if (row.erased) {
    table.erase(row.key);
  } else {
    table[row.key] = row.row;
  }
}

std::size_t StateCopy::rows() const {
  std::size_t n = 0;
  for (const auto& [name, table] : tables) n += table.size();
  return n;
}

std::size_t StateCopy::bytes() const {
  std::size_t n = message.size();
  for (const auto& [name, table] : tables) {
    for (const auto& [key, row] : table) n += key.size() + row.size();
  }
  return n;
}

cm_status StateSink::write(cm_state_sink* sink, const std::uint8_t* data, std::size_t size) {
  if (sink == nullptr || (data == nullptr && size != 0)) return CM_INVALID;
  auto& self = *static_cast<StateSink*>(sink->host_data);
  if (size > CM_MAX_STATE - self.message.size()) return CM_TOO_LARGE;
  if (size == 0) return CM_OK;
  try {
    self.message.append(reinterpret_cast<const char*>(data), size);
  } catch (const std::bad_alloc&) {
    return CM_TOO_LARGE;
  }
  return CM_OK;
}

cm_status StateSink::row(cm_state_sink* sink, const char* table, const std::uint8_t* key, std::size_t key_size,
                         const std::uint8_t* row, std::size_t row_size) {
  if (sink == nullptr || table == nullptr || (key == nullptr && key_size != 0) || (row == nullptr && row_size != 0)) {
    return CM_INVALID;
  }
  const std::size_t name_size = ::strnlen(table, kMaxTableName + 1);
  if (name_size == 0 || name_size > kMaxTableName) return CM_INVALID;
  if (key_size > CM_MAX_COOKIE || row_size > CM_MAX_SERVICE_BODY) return CM_TOO_LARGE;
  auto& self = *static_cast<StateSink*>(sink->host_data);
  const auto text = [](const std::uint8_t* data, std::size_t size) {
    return size == 0 ? std::string() : std::string(reinterpret_cast<const char*>(data), size);
  };
  try {
    self.rows.push_back({std::string(table, name_size), text(key, key_size), text(row, row_size), row == nullptr});
  } catch (const std::bad_alloc&) {
    return CM_TOO_LARGE;
  }
  return CM_OK;
}

std::string merge_message(std::string_view had, std::string_view newer, std::string_view descriptors,
                          std::string_view message) {
  pb::FileDescriptorSet files;
  pb::DescriptorPool pool;
  const pb::Descriptor* known = nullptr;
  if (!message.empty() && files.ParseFromArray(descriptors.data(), static_cast<int>(descriptors.size()))) {
    for (const auto& file : files.file()) {
      if (pool.BuildFile(file) == nullptr) return std::string(newer);
    }
    known = pool.FindMessageTypeByName(std::string(message));
  }
  using Wire = pb::internal::WireFormatLite;
  std::string merged;
  pb::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(had.data()), static_cast<int>(had.size()));
  for (;;) {
    const int begin = in.CurrentPosition();
    const std::uint32_t tag = in.ReadTag();
    if (tag == 0 || !Wire::SkipField(&in, tag)) break;
    if (known != nullptr && known->FindFieldByNumber(Wire::GetTagFieldNumber(tag)) != nullptr) continue;
    merged.append(had.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(in.CurrentPosition() - begin)));
  }
  merged.append(newer);
  return merged;
}

}  // namespace cm::plugin
