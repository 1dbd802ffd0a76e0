// What a service takes over from another generation, of this version or of any.
#include <cellmesh/abi/state.h>

#include "check/barrages.hpp"
#include "check/state_support.hpp"
#include "check/test.hpp"

namespace cm::check {
namespace {

using cellmesh::test::SavedRow;
using cellmesh::test::SavedState;

void empty(Subject& subject) {
  with_state(subject, [&](Service& service, const cm_plugin_state&) {
    const auto next = another(service);
    load_whole(*next, {{}, "0.0.0", {}}, "a state of no bytes");
    valid_messages(*next);
  });
}

void broken(Subject& subject, const std::function<SavedState(const SavedState& good, Random&)>& breaking) {
  Random random = subject.random("broken state");
  with_state(subject, [&](Service& service, const cm_plugin_state&) {
    const SavedState good = save(service);
    for (int n = 0; n < 100; ++n) {
      const auto next = another(service, Judge::nothing);  // that load fails is as good
      const SavedState bad = breaking(good, random);
      if (load(*next, bad, "a state of " + in_hex(bad.message)) != CM_OK || n % 10 != 0) continue;
      next->judge_by(Judge::faults);
      valid_messages(*next);
    }
  });
}

void random_state(Subject& subject) {
  broken(subject, [](const SavedState& good, Random& random) {
    return SavedState{random.bytes(1 + random.below(200)), good.version, {}};
  });
}

void valid_state(Subject& subject) {
  Random random = subject.random("valid state");
  with_state(subject, [&](Service& service, const cm_plugin_state&) {
    const auto message = subject.manifest().state_of(service.kind());
    if (message.empty() || !subject.bodies().knows(message)) throw Skipped("its manifest does not describe its state");
    for (int n = 0; n < 20; ++n) {
      const auto next = another(service, Judge::nothing);  // that load fails is as good
      const SavedState other{subject.bodies().valid(message, random), "9.9.9", {}};
      if (load(*next, other, "the state " + subject.bodies().text(message, other.message)) != CM_OK) continue;
      next->judge_by(Judge::faults);
      valid_messages(*next);
      let_it_work(*next);
    }
  });
}

void truncated(Subject& subject) {
  broken(subject, [](const SavedState& good, Random& random) {
    SavedState cut = good;
    if (cut.message.size() > 1) cut.message.resize(1 + random.below(cut.message.size() - 1));
    return cut;
  });
}

// A field that only a newer version has: what a generation that comes back after a bad one gets.
void newer_fields(Subject& subject) {
  with_state(subject, [&](Service& service, const cm_plugin_state&) {
    SavedState newer = save(service);
    newer.version = "999.0.0";
    newer.message += "\xf8\xff\xff\xff\x0f\x2a";  // the number 42 in the field 536,870,911
    newer.rows.push_back({"a table of a newer version", "key", "row"});
    const auto next = another(service);
    load_whole(*next, newer, "a state with a field and a table of a newer version");
  });
}

void silent_load(Subject& subject) {
  with_state(subject, [&](Service& service, const cm_plugin_state&) {
    const SavedState saved = save(service);
    const auto next = another(service, Judge::arguments);
    load(*next, saved, "what another of its kind saved");
  });
}

}  // namespace

std::vector<Test> load_state_tests() {
  const std::vector<std::string_view> saved{"state.saved_is_restored"};
  static constexpr std::string_view kCheck = "check what is read before it is used, and return CM_BAD_MESSAGE";
  return {
      {"state.empty", "It takes the place of a version that had no state.",
       "take a state of no bytes for one with nothing in it", saved, empty},
      {"state.random", "A state that is garbage refuses the reload, or does no harm.", kCheck, saved, random_state},
      {"state.valid",
       "A state that another version may have written does no harm.",
       "look at what load takes for granted of numbers and texts",
       {"state.saved_is_restored", "timer.time_goes_by"},
       valid_state},
      {"state.truncated", "A state that was cut short refuses the reload, or does no harm.", kCheck, saved, truncated},
      {"state.of_a_newer_version",
       "After a bad version the one before comes back, and reads what that wrote.",
       "pass over fields that it does not know, and return CM_NOT_FOUND for tables that it does not have",
       {"state.saved_is_restored", "state.unknown_table"},
       newer_fields},
      {"state.load_is_silent",
       "A reload that is refused was seen by nobody.",
       "keep all that sends, subscribes or starts timers for resumed()",
       {"state.saved_is_restored", "host.good_arguments"},
       silent_load},
  };
}

}  // namespace cm::check
