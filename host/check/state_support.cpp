#include "check/state_support.hpp"

#include "check/barrages.hpp"

namespace cm::check {

using cellmesh::test::SavedRow;
using cellmesh::test::SavedState;

Rows rows_of(const std::vector<SavedRow>& saved) {
  Rows rows;
  for (const auto& row : saved) {
    if (row.bytes) {
      rows[{row.table, row.key}] = *row.bytes;
    } else {
      rows.erase({row.table, row.key});
    }
  }
  return rows;
}

void with_state(Subject& subject, const std::function<void(Service&, const cm_plugin_state&)>& work) {
  bool any = false;
  for_each_running(subject, {}, [&](Service& service) {
    const auto* hooks = service.implements<cm_plugin_state>(CM_EXT_STATE);
    if (hooks == nullptr) return;
    any = true;
    valid_messages(service);
    work(service, *hooks);
  });
  if (!any) throw Skipped("it does not implement " CM_EXT_STATE);
}

void need_tables(const cm_plugin_state& hooks) {
  if (hooks.follow == nullptr || hooks.rows == nullptr || hooks.load_row == nullptr) throw Skipped("it has no tables");
}

std::unique_ptr<Service> another(Service& service, Judge judge) {
  return std::make_unique<Service>(service.subject(), service.code(), ServiceOptions{.judge = judge});
}

SavedState save(Service& service) {
  SavedState saved;
  const cm_status status = service.step("save", [&] { return service.host().save(saved); });
  if (status != CM_OK) throw failed(service, "save returned " + status_name(status));
  return saved;
}

cm_status load(Service& service, const SavedState& saved, const std::string& what) {
  return service.step("load of " + what, [&] { return service.host().load(saved); });
}

void load_whole(Service& service, const SavedState& saved, const std::string& what) {
  const cm_status status = load(service, saved, what);
  if (status != CM_OK) throw failed(service, "load of " + what + " returned " + status_name(status));
}

void compare(Service& service, const SavedState& before, const SavedState& after, const std::string& when) {
  const auto message = service.subject().manifest().state_of(service.kind());
  const Bodies& bodies = service.subject().bodies();
  if (!bodies.equal(message, before.message, after.message)) {
    throw failed(service, "its state is " + bodies.text(message, before.message) + ", and " + when + " " +
                              bodies.text(message, after.message));
  }
  compare(service, rows_of(before.rows), rows_of(after.rows), when);
}

void compare(Service& service, const Rows& before, const Rows& after, const std::string& when) {
  for (const auto& [key, row] : before) {
    const auto found = after.find(key);
    const std::string name = "the row " + in_hex(key.second) + " of " + key.first;
    if (found == after.end()) throw failed(service, name + " is not there " + when);
    if (found->second == row) continue;
    throw failed(service, name + " is " + in_hex(row) + ", and " + when + " " + in_hex(found->second));
  }
  if (after.size() == before.size()) return;
  throw failed(service,
               "it has " + std::to_string(before.size()) + " rows, and " + when + " " + std::to_string(after.size()));
}

Failed failed(const Service& service, const std::string& why) {
  return Failed(std::string(service.kind()) + ": " + why);
}

}  // namespace cm::check
