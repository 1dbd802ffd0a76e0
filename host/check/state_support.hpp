#pragma once

#include <cellmesh/abi/state.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "check/service.hpp"
#include "check/test.hpp"

namespace cm::check {

// Rows by table and key.
using Rows = std::map<std::pair<std::string, std::string>, std::string>;
// What the last word on each row is.
Rows rows_of(const std::vector<cellmesh::test::SavedRow>& saved);

// With a running service of each kind that has state, and that has borne some messages. Skipped when none has.
void with_state(Subject& subject, const std::function<void(Service&, const cm_plugin_state&)>& work);
// Skipped when it has no tables.
void need_tables(const cm_plugin_state& hooks);

// One more of the kind, not created.
std::unique_ptr<Service> another(Service& service, Judge judge = Judge::faults);

// Failed when it does not save.
cellmesh::test::SavedState save(Service& service);
cm_status load(Service& service, const cellmesh::test::SavedState& saved, const std::string& what);
// Failed when it does not take it over.
void load_whole(Service& service, const cellmesh::test::SavedState& saved, const std::string& what);

// Failed when they are not the same, whatever their order.
void compare(Service& service, const cellmesh::test::SavedState& before, const cellmesh::test::SavedState& after,
             const std::string& when);
void compare(Service& service, const Rows& before, const Rows& after, const std::string& when);

Failed failed(const Service& service, const std::string& why);

}  // namespace cm::check
