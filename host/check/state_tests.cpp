// What a service hands to the generation that takes its place.
#include <cellmesh/abi/state.h>

#include "check/barrages.hpp"
#include "check/state_support.hpp"
#include "check/test.hpp"

namespace cm::check {
namespace {

using cellmesh::test::SavedRow;
using cellmesh::test::SavedState;

void restored(Subject& subject) {
  with_state(subject, [&](Service& service, const cm_plugin_state&) {
    const SavedState before = save(service);
    const auto next = another(service);
    load_whole(*next, before, "what another of its kind saved");
    compare(*next, before, save(*next), "when another of its kind has loaded that and saves");
    valid_messages(*next);
  });
}

void save_is_pure(Subject& subject) {
  with_state(subject, [&](Service& service, const cm_plugin_state&) {
    std::size_t acts = 0;
    SavedState before;
    service.subject().at(std::string(service.kind()) + ": save");
    if (service.host().save(before) != CM_OK) throw failed(service, "save failed");
    acts = service.host().take().size();
    if (acts > 0) throw failed(service, "save did something that others see, " + std::to_string(acts) + " times");
    compare(service, before, save(service), "when it saves again");
  });
}

void reload_in_place(Subject& subject) {
  with_state(subject, [&](Service& service, const cm_plugin_state&) {
    for (int n = 0; n < 3; ++n) {
      std::string why;
      const SavedState before = save(service);
      service.step("reload", [&] {
        why = service.host().reload();
        return CM_OK;
      });
      if (!why.empty()) throw failed(service, "a reload of it is refused: " + why);
      compare(service, before, save(service), "after a reload in which nothing happened");
      valid_messages(service);
    }
  });
}

// A host that has no room for a state.
void refused_save(Subject& subject) {
  with_state(subject, [&](Service& service, const cm_plugin_state& hooks) {
    int writes = 0;
    cm_state_sink sink{sizeof sink, 0, &writes,
                       [](cm_state_sink* self, const std::uint8_t*, std::size_t) {
                         ++*static_cast<int*>(self->host_data);
                         return cm_status{CM_TOO_LARGE};
                       },
                       [](cm_state_sink*, const char*, const std::uint8_t*, std::size_t, const std::uint8_t*,
                          std::size_t) { return cm_status{CM_TOO_LARGE}; }};
    const cm_status status =
        service.hook("save to a host that has no room", [&](void* self) { return hooks.save(self, &sink); });
    if (writes > 0 && status == CM_OK) throw failed(service, "save returned CM_OK, though its host took nothing");
  });
}

template <bool known>
void handlers(Subject& subject) {
  with_state(subject, [&](Service& service, const cm_plugin_state& hooks) {
    if (hooks.has_handler == nullptr) throw Skipped("it has no has_handler, and is taken to have all");
    const auto has = [&](cm_handler_kind kind, const std::string& handler) {
      bool found = false;
      service.hook("has_handler " + handler, [&](void* self) {
        found = hooks.has_handler(self, kind, handler.c_str()) != 0;
        return CM_OK;
      });
      return found;
    };
    const auto ask = [&](cm_handler_kind kind, const std::string& handler, std::string_view what) {
      if (!has(kind, handler))
        throw failed(service, "it has no handler " + handler + ", which a " + std::string(what) + " of it waits for");
    };
    if constexpr (known) {
      for (const auto& call : service.host().calls()) ask(CM_HANDLER_REPLY, call.handler, "call");
      for (const auto& timer : service.host().timers()) ask(CM_HANDLER_TIMER, timer.handler, "timer");
      for (const auto& job : service.host().jobs()) ask(CM_HANDLER_JOB, job.handler, "job");
      for (const auto& subscription : service.host().subscriptions()) {
        if (!subscription.handler.empty()) ask(CM_HANDLER_CHANNEL, subscription.handler, "subscription");
      }
    } else {
      for (const cm_handler_kind kind : {CM_HANDLER_REPLY, CM_HANDLER_TIMER, CM_HANDLER_CHANNEL, CM_HANDLER_JOB}) {
        if (has(kind, "Nobody::has_this")) throw failed(service, "it says that it has a handler of any name");
      }
      for (const cm_handler_kind kind : {0, 5, -1, 1'000'000}) {
        if (has(kind, "Nobody::has_this"))
          throw failed(service, "it says that it has handlers of a kind that there is not");
      }
    }
  });
}

}  // namespace

std::vector<Test> state_tests() {
  const std::vector<std::string_view> filled{"message.each_valid"};
  const std::vector<std::string_view> ends{"state.rows_end"};
  return {
      {"state.save_is_pure", "A reload that is refused leaves no trace in the generation that goes on.",
       "let save write its state and change nothing: not even send", ends, save_is_pure},
      {"state.refused_save", "A state that is too large refuses the reload, and is not cut short.",
       "return what cm_state_sink.write returned", ends, refused_save},
      {"state.saved_is_restored",
       "What players have is there after a reload, to the last row.",
       "write all fields in save and read all of them in load; keep what follows from others out of it",
       {"state.save_is_pure"},
       restored},
      {"state.has_its_handlers", "What waits when a reload comes finds its handler again.",
       "return 1 from has_handler for each name that it gives to the host", filled, handlers<true>},
      {"state.has_no_other_handlers", "A reload is refused when something waits for a handler that is gone.",
       "return 0 from has_handler for names that it does not have", filled, handlers<false>},
      {"state.reload_in_place",
       "A reload of the same code changes nothing.",
       "name what waits with has_handler, and write in save what load reads",
       {"state.saved_is_restored", "state.has_its_handlers"},
       reload_in_place},
  };
}

}  // namespace cm::check
