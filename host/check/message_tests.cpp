// Messages as a host brings them, from clients and services that may be anybody.
#include "check/barrages.hpp"
#include "check/test.hpp"

namespace cm::check {
namespace {

using Barrage = void (*)(Service&);

void need_messages(Subject& subject) {
  if (subject.manifest().messages.empty()) throw Skipped("its manifest has no messages");
}

template <Barrage barrage>
void bear(Subject& subject) {
  need_messages(subject);
  for_each_running(subject, {}, barrage);
}

void null_body(Subject& subject) {
  need_messages(subject);
  for_each_running(subject, {}, [&](Service& service) {
    for (const auto& message : subject.manifest().messages) {
      for (const From from : {From::client, From::service, From::call}) {
        deliver(service, from, message.id, std::string_view(nullptr, 0),
                "a body that is NULL: message " + message.name);
      }
    }
  });
}

// Whatever it does with a message that it does not know, it does not say that all is well.
void unknown_id(Subject& subject) {
  for_each_running(subject, {}, [&](Service& service) {
    Random random = subject.random("unknown ids");
    for (int n = 0; n < 200; ++n) {
      const auto id = static_cast<std::uint16_t>(1 + random.below(65'535));
      if (subject.manifest().message(id) != nullptr) continue;
      const std::string what = "message of the unknown id " + std::to_string(id);
      if (deliver(service, From::call, id, random.bytes(random.below(40)), what) != CM_OK) continue;
      throw Failed(std::string(service.kind()) + ": " + what + ": it returned CM_OK");
    }
  });
}

void largest(Subject& subject) {
  need_messages(subject);
  static constexpr std::size_t kMessages = 50;
  const std::string of_client = filled(CM_MAX_CLIENT_BODY);
  const std::string of_service = filled(CM_MAX_SERVICE_BODY);
  const std::string zeros(CM_MAX_SERVICE_BODY, '\0');
  for_each_running(subject, {}, [&](Service& service) {
    std::size_t n = 0;
    for (const auto& message : subject.manifest().messages) {
      if (++n > kMessages) break;
      const std::string what = "the largest body: message " + message.name;
      deliver(service, From::client, message.id, of_client, what);
      deliver(service, From::service, message.id, of_service, what);
      deliver(service, From::call, message.id, zeros, what);
    }
  });
}

void of_nobody(Subject& subject) {
  need_messages(subject);
  for_each_running(subject, {}, [&](Service& service) {
    Random random = subject.random("nobody");
    const cm_request nobody{};
    cm_request stranger{};  // a client of an agent that never was
    stranger.client = {1'000'000, 0, 5};
    cm_request gone{};  // a service that is not up, and waits for nothing
    gone.from = 1'000'001;
    for (const auto& message : subject.manifest().messages) {
      for (const auto& request : {nobody, stranger, gone}) {
        const auto body = subject.bodies().valid(message.name, random);
        service.step("message " + message.name + " of nobody",
                     [&] { return service.host().deliver(request, message.id, body); });
      }
    }
  });
}

void known_statuses(Subject& subject) { for_each_running(subject, {.judge = Judge::statuses}, everything); }

}  // namespace

std::vector<Test> message_tests() {
  return {
      {"message.each_valid",
       "Whoever speaks the protocol, in whatever order, does no harm.",
       "look at what its handler takes for granted: who sent it, what came before, how large a number is",
       {"life.destroy_without_stop"},
       bear<valid_messages>},
      {"message.each_empty",
       "A message of no bytes, which is a good one in protobuf, does no harm.",
       "take fields that are absent for zero or empty",
       {"life.destroy_without_stop"},
       bear<empty_messages>},
      {"message.null_body",
       "An empty body may come as a NULL pointer.",
       "look at body_size before body, and give no NULL to memcpy()",
       {"life.destroy_without_stop"},
       null_body},
      {"message.each_random",
       "A client that sends garbage harms nobody.",
       "check what is read before it is used, and return CM_BAD_MESSAGE",
       {"life.destroy_without_stop"},
       bear<random_messages>},
      {"message.each_truncated",
       "A message that was cut short harms nobody.",
       "check lengths against body_size, and return CM_BAD_MESSAGE",
       {"life.destroy_without_stop"},
       bear<truncated_messages>},
      {"message.unknown_id",
       "Who asks what it does not know is told so, and does not wait in vain.",
       "return CM_UNHANDLED for ids that it has no handler for",
       {"life.destroy_without_stop"},
       unknown_id},
      {"message.largest",
       "The largest bodies that a host delivers find room.",
       "size buffers by body_size, and keep no body on the stack",
       {"life.destroy_without_stop"},
       largest},
      {"client.of_nobody",
       "A sender that is gone, or never was, is no trouble.",
       "look at what reply() and find() return; a request's `from` and `client` may be all zero",
       {"message.each_valid"},
       of_nobody},
  };
}

std::vector<Test> status_tests() {
  return {{"message.known_status", "A host can tell a caller what became of its message.",
           "return one of the CM_... statuses from each hook", after_barrages(), known_statuses}};
}

}  // namespace cm::check
