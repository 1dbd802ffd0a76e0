#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cellmesh/abi/state.h"

namespace cm::plugin {

// A copy of a service's state as bytes, brought up to date row by row. Used by one thread at a time.
class StateCopy {
 public:
  struct Row {
    std::string table;
    std::string key;
    std::string row;
    bool erased = false;
  };
  using Table = std::unordered_map<std::string, std::string>;  // by key

  std::string message;
  std::string version;  // of the plugin that wrote it
  std::map<std::string, Table, std::less<>> tables;

  void apply(const Row& row);
  [[nodiscard]] std::size_t rows() const;
  [[nodiscard]] std::size_t bytes() const;
};

// A cm_state_sink that keeps what a hook writes to it. Lives on the stack of who calls the hook.
class StateSink {
 public:
  StateSink() = default;
  StateSink(const StateSink&) = delete;
  StateSink& operator=(const StateSink&) = delete;

  [[nodiscard]] cm_state_sink* abi() { return &sink_; }
  std::string message;
  std::vector<StateCopy::Row> rows;

 private:
  static cm_status write(cm_state_sink* sink, const std::uint8_t* data, std::size_t size);
  static cm_status row(cm_state_sink* sink, const char* table, const std::uint8_t* key, std::size_t key_size,
                       const std::uint8_t* row, std::size_t row_size);

  cm_state_sink sink_{sizeof(cm_state_sink), 0, this, &write, &row};
};

// The message that a generation coming back is given: what it had itself of the fields that the newer version does not
// know, and the newer version's message. `descriptors` and `message` name the newer version's message, as its manifest
// has them; "" when it has none.
std::string merge_message(std::string_view had, std::string_view newer, std::string_view descriptors,
                          std::string_view message);

}  // namespace cm::plugin
