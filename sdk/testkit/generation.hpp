// SPDX-License-Identifier: MIT
//
// What one generation of a service hands to the next, by the hooks of cm_plugin_state. Internal.
#ifndef CELLMESH_TESTKIT_GENERATION_HPP
#define CELLMESH_TESTKIT_GENERATION_HPP

#include <string>
#include <vector>

#include "cellmesh/abi/state.h"
#include "host_side.hpp"

namespace cellmesh::test::detail {

// Each is for the generation that is the side's now. One without state does nothing, and well.
void follow(HostSide& side, bool on);
// All rows that were not handed over yet, behind those that `saved` has.
cm_status take_rows(HostSide& side, SavedState& saved);
cm_status take_message(HostSide& side, SavedState& saved);
cm_status give_rows(HostSide& side, const std::vector<SavedRow>& rows);
cm_status give_message(HostSide& side, const SavedState& saved);
// It serves from now on, also when it fails in that.
void resume(HostSide& side);
// What it does not have and something waits for: "a timer waits for Game::tick ...".
std::vector<std::string> missing_handlers(HostSide& side);

}  // namespace cellmesh::test::detail

#endif
