// SPDX-License-Identifier: MIT
//
// What one generation of a service hands to the next.
#include "generation.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "extensions.hpp"

namespace cellmesh::test::detail {
namespace {

constexpr std::size_t max_table = 200;
constexpr std::uint32_t rows_a_step = 64;

class Sink {
 public:
  Sink(HostSide& side, SavedState& to) : side_(side), to_(to) {}
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  [[nodiscard]] cm_state_sink* abi() { return &abi_; }

 private:
  static Sink* of(cm_state_sink* sink) { return sink != nullptr ? static_cast<Sink*>(sink->host_data) : nullptr; }

  static cm_status write(cm_state_sink* sink, const std::uint8_t* data, std::size_t size) {
    Sink* self = of(sink);
    if (self == nullptr) return CM_INVALID;
    if (bad_bytes(data, size)) return self->side_.invalid("a state's bytes are NULL");
    if (size > CM_MAX_STATE - self->to_.message.size()) return CM_TOO_LARGE;
    self->to_.message.append(text_of(data, size));
    return CM_OK;
  }

  static cm_status row(cm_state_sink* sink, const char* table, const std::uint8_t* key, std::size_t key_size,
                       const std::uint8_t* row, std::size_t row_size) {
    Sink* self = of(sink);
    if (self == nullptr) return CM_INVALID;
    const std::string_view name = table != nullptr ? table : "";
    if (name.empty() || name.size() > max_table || !is_utf8(name)) {
      return self->side_.invalid("a table's name is 1 to 200 bytes of UTF-8");
    }
    if (bad_bytes(key, key_size)) return self->side_.invalid("a row's key is NULL");
    if (key_size > CM_MAX_COOKIE || row_size > CM_MAX_SERVICE_BODY) return CM_TOO_LARGE;
    SavedRow& added = self->to_.rows.emplace_back();
    added.table = name;
    added.key = text_of(key, key_size);
    if (row != nullptr) added.bytes = std::string(text_of(row, row_size));
    return CM_OK;
  }

  HostSide& side_;
  SavedState& to_;
  cm_state_sink abi_{sizeof(cm_state_sink), 0, this, &write, &row};
};

}  // namespace

void follow(HostSide& side, bool on) {
  const auto* state = side.plugin<cm_plugin_state>(CM_EXT_STATE);
  if (state == nullptr || state->follow == nullptr) return;
  static_cast<void>(side.fenced("follow", 0, [&] {
    state->follow(side.now->self, on ? 1 : 0);
    return CM_OK;
  }));
}

cm_status take_rows(HostSide& side, SavedState& saved) {
  const auto* state = side.plugin<cm_plugin_state>(CM_EXT_STATE);
  if (state == nullptr || state->rows == nullptr) return CM_OK;
  Sink sink(side, saved);
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  for (std::uint64_t left = 1; left > 0;) {
    const std::size_t before = saved.rows.size();
    const cm_status status =
        side.fenced("rows", 0, [&] { return state->rows(side.now->self, sink.abi(), rows_a_step, &left); });
    if (status != CM_OK) return status;
    if (left > 0 && left >= least && saved.rows.size() == before) {
      side.report_fault("its rows come to no end: " + std::to_string(left) + " are left, and it hands over none");
      return CM_FAULT;
    }
    least = std::min(least, left);
  }
  return CM_OK;
}

cm_status take_message(HostSide& side, SavedState& saved) {
  saved.version = side.now->version;
  saved.message.clear();
  const auto* state = side.plugin<cm_plugin_state>(CM_EXT_STATE);
  if (state == nullptr || state->save == nullptr) return CM_OK;
  Sink sink(side, saved);
  return side.fenced("save", 0, [&] { return state->save(side.now->self, sink.abi()); });
}

cm_status give_rows(HostSide& side, const std::vector<SavedRow>& rows) {
  const auto* state = side.plugin<cm_plugin_state>(CM_EXT_STATE);
  if (state == nullptr || state->load_row == nullptr) return CM_OK;
  std::map<std::string, std::uint64_t> counts;
  for (const SavedRow& row : rows) ++counts[row.table];
  for (const auto& [table, count] : counts) {
    if (state->reserve == nullptr) break;
    static_cast<void>(side.fenced("reserve", 0, [&, &name = table, n = count] {
      state->reserve(side.now->self, name.c_str(), n);
      return CM_OK;
    }));
  }
  for (const SavedRow& row : rows) {
    const cm_status status = side.fenced("load_row", 0, [&] {
      return state->load_row(side.now->self, row.table.c_str(), bytes_of(row.key), row.key.size(),
                             row.bytes ? bytes_of(*row.bytes) : nullptr, row.bytes ? row.bytes->size() : 0);
    });
    if (status != CM_OK && status != CM_NOT_FOUND) return status;  // not found: this version has no such table
  }
  return CM_OK;
}

cm_status give_message(HostSide& side, const SavedState& saved) {
  const auto* state = side.plugin<cm_plugin_state>(CM_EXT_STATE);
  if (state == nullptr || state->load == nullptr) return CM_OK;
  const cm_saved_state abi{sizeof(cm_saved_state), 0, bytes_of(saved.message), saved.message.size(),
                           saved.version.c_str()};
  return side.fenced("load", 0, [&] { return state->load(side.now->self, &abi); });
}

void resume(HostSide& side) {
  side.now->phase = Phase::running;
  side.find(side.ref)->pickable = true;
  const auto* state = side.plugin<cm_plugin_state>(CM_EXT_STATE);
  if (state == nullptr || state->resumed == nullptr) return;
  static_cast<void>(side.fenced("resumed", 0, [&] { return state->resumed(side.now->self); }));
}

std::vector<std::string> missing_handlers(HostSide& side) {
  std::vector<std::string> missing;
  const auto* state = side.plugin<cm_plugin_state>(CM_EXT_STATE);
  if (state == nullptr || state->has_handler == nullptr) return missing;
  const auto ask = [&](cm_handler_kind kind, const std::string& handler, const std::string& what) {
    bool found = false;
    static_cast<void>(side.fenced("has_handler " + handler, 0, [&] {
      found = state->has_handler(side.now->self, kind, handler.c_str()) != 0;
      return CM_OK;
    }));
    if (!found) missing.push_back("a " + what + " waits for " + handler + ", name it with keep_" + what + "<&...>()");
  };
  for (const auto& [number, timer] : side.timers) ask(CM_HANDLER_TIMER, timer.handler, "timer");
  for (const auto& [number, call] : side.calls) ask(CM_HANDLER_REPLY, call.handler, "reply");
  for (const auto& [channel, subscription] : side.subscriptions) {
    if (!subscription.handler.empty()) ask(CM_HANDLER_CHANNEL, subscription.handler, "channel");
  }
  for (const WaitingJob& job : side.jobs) ask(CM_HANDLER_JOB, job.handler, "job");
  return missing;
}

}  // namespace cellmesh::test::detail
