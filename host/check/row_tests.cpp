// The rows of a state, which go over while the service goes on.
#include <cellmesh/abi/state.h>

#include "check/barrages.hpp"
#include "check/state_support.hpp"
#include "check/test.hpp"

namespace cm::check {
namespace {

using cellmesh::test::SavedRow;
using cellmesh::test::SavedState;

// Where rows go that are handed over by hand.
class Sink {
 public:
  [[nodiscard]] cm_state_sink* abi() { return &abi_; }
  [[nodiscard]] const std::vector<SavedRow>& rows() const { return rows_; }

 private:
  static cm_status write(cm_state_sink* /*sink*/, const std::uint8_t* /*data*/, std::size_t /*size*/) {
    return CM_INVALID;  // this is no save
  }
  static cm_status row(cm_state_sink* sink, const char* table, const std::uint8_t* key, std::size_t key_size,
                       const std::uint8_t* row, std::size_t row_size) {
    const auto text = [](const std::uint8_t* data, std::size_t size) {
      return size == 0 ? std::string() : std::string(reinterpret_cast<const char*>(data), size);
    };
    static_cast<Sink*>(sink->host_data)
        ->rows_.push_back(
            {table, text(key, key_size), row != nullptr ? std::optional(text(row, row_size)) : std::nullopt});
    return CM_OK;
  }

  cm_state_sink abi_{sizeof(cm_state_sink), 0, this, &write, &row};
  std::vector<SavedRow> rows_;
};

void follow(Service& service, const cm_plugin_state& hooks, bool on) {
  service.hook("follow", [&](void* self) {
    hooks.follow(self, on ? 1 : 0);
    return CM_OK;
  });
}

// All that are left to be handed over.
void take_rows(Service& service, const cm_plugin_state& hooks, Sink& sink, std::uint32_t most) {
  static constexpr std::size_t kEnough = 1'000'000;
  for (std::uint64_t left = 1; left > 0;) {
    const std::size_t before = sink.rows().size();
    const cm_status status = service.hook("rows, " + std::to_string(most) + " at a time",
                                          [&](void* self) { return hooks.rows(self, sink.abi(), most, &left); });
    const std::size_t taken = sink.rows().size() - before;
    if (status != CM_OK) throw failed(service, "rows returned " + status_name(status));
    if (taken > most)
      throw failed(service, "asked for " + std::to_string(most) + " rows, it handed over " + std::to_string(taken));
    if ((left > 0 && taken == 0) || sink.rows().size() > kEnough) {
      throw failed(service, "its rows come to no end: " + std::to_string(left) + " are left, it says");
    }
  }
}

void rows_end(Subject& subject) {
  with_state(subject, [&](Service& service, const cm_plugin_state& hooks) {
    need_tables(hooks);
    Sink sink;
    follow(service, hooks, true);
    take_rows(service, hooks, sink, 1);
    follow(service, hooks, false);
  });
}

// Messages come between the first copy of the rows and the switch.
void changes_follow(Subject& subject) {
  with_state(subject, [&](Service& service, const cm_plugin_state& hooks) {
    need_tables(hooks);
    Sink followed;
    follow(service, hooks, true);
    take_rows(service, hooks, followed, 64);
    valid_messages(service);
    comings_and_goings(service);
    take_rows(service, hooks, followed, 64);
    valid_messages(service);
    take_rows(service, hooks, followed, 64);
    follow(service, hooks, false);
    compare(service, rows_of(save(service).rows), rows_of(followed.rows()),
            "as it was handed over while messages came");
  });
}

void bad_rows(Subject& subject) {
  Random random = subject.random("rows");
  with_state(subject, [&](Service& service, const cm_plugin_state& hooks) {
    need_tables(hooks);
    const SavedState good = save(service);
    const auto next = another(service, Judge::nothing);  // that load_row fails is as good
    next->create();
    for (int n = 0; n < 200; ++n) {
      SavedRow row = good.rows.empty() ? SavedRow{"players", "key", "row"} : good.rows[random.below(good.rows.size())];
      if (random.chance(2)) row.key = random.bytes(random.chance(10) ? CM_MAX_COOKIE : random.below(40));
      row.bytes = random.chance(5) ? std::nullopt : std::optional(random.bytes(random.below(60)));
      next->hook("load_row of " + row.table + ", key " + in_hex(row.key), [&](void* self) {
        const auto bytes = [](const std::string& text) { return reinterpret_cast<const std::uint8_t*>(text.data()); };
        return hooks.load_row(self, row.table.c_str(), bytes(row.key), row.key.size(),
                              row.bytes ? bytes(*row.bytes) : nullptr, row.bytes ? row.bytes->size() : 0);
      });
    }
  });
}

void unknown_table(Subject& subject) {
  with_state(subject, [&](Service& service, const cm_plugin_state& hooks) {
    need_tables(hooks);
    static constexpr std::uint8_t kBytes[] = {1, 2, 3};
    const cm_status status = service.hook("load_row of a table that it does not have", [&](void* self) {
      return hooks.load_row(self, "a table of a newer version", kBytes, sizeof kBytes, kBytes, sizeof kBytes);
    });
    if (status != CM_NOT_FOUND)
      throw failed(service, "it returned " + status_name(status) + " for the row of a table that it does not have");
  });
}

}  // namespace

std::vector<Test> first_row_tests() {
  const std::vector<std::string_view> filled{"message.each_valid"};
  return {
      {"state.rows_end",
       "A reload's first copy of its rows comes to an end.",
       "hand over at most as many rows as asked for, and write how many are left to *left",
       {"message.each_valid", "life.two_instances"},
       rows_end},
      {"state.unknown_table", "Rows of a table that this version has no more are dropped, and refuse nothing.",
       "return CM_NOT_FOUND from load_row for tables that it does not have", filled, unknown_table},
  };
}

std::vector<Test> row_tests() {
  const std::vector<std::string_view> saved{"state.saved_is_restored"};
  static constexpr std::string_view kCheck = "check what is read before it is used, and return CM_BAD_MESSAGE";
  return {
      {"state.changes_follow",
       "What players did during a reload is not lost.",
       "after follow(1), hand over rows that changed since they were handed over, and those erased",
       {"state.saved_is_restored", "client.unknown_closed", "client.closed_twice", "client.message_after_close",
        "service.unknown_goes"},
       changes_follow},
      {"state.row_random", "Rows that are garbage refuse the reload, or do no harm.", kCheck, saved, bad_rows},
  };
}

}  // namespace cm::check
