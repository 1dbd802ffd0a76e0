// Clients and services that come and go.
#include <malloc.h>

#include <cellmesh/abi/clients.h>
#include <cellmesh/abi/directory.h>
#include <cellmesh/abi/log.h>

#include "check/barrages.hpp"
#include "check/heap.hpp"
#include "check/test.hpp"

namespace cm::check {
namespace {

constexpr std::size_t kCrowd = 500;
constexpr std::size_t kAllowed = 8;  // bytes a client

void closed(Service& service, const cm_client& client, const std::string& what) {
  service.step(what, [&] {
    service.host().client_closed(client, CM_CLOSE_BY_CLIENT);
    return CM_OK;
  });
}

void need_clients(Service& service) {
  if (service.implements<cm_plugin_clients>(CM_EXT_CLIENTS) == nullptr) {
    throw Skipped(std::string(service.kind()) + " does not implement " CM_EXT_CLIENTS);
  }
}

void unknown_closed(Subject& subject) {
  for_each_running(subject, {}, [](Service& service) {
    need_clients(service);
    closed(service, {service.asker(), 0, 77}, "a client is gone that it never heard of");
    closed(service, {0, 0, 0}, "a client is gone that is nobody");
  });
}

void closed_twice(Subject& subject) {
  for_each_running(subject, {}, [](Service& service) {
    need_clients(service);
    valid_messages(service);
    const cm_client client = service.client(1);
    closed(service, client, "its client is gone");
    closed(service, client, "its client is gone once more");
  });
}

void message_after_close(Subject& subject) {
  for_each_running(subject, {}, [](Service& service) {
    valid_messages(service);
    closed(service, service.client(1), "its client is gone");
    valid_messages(service);
  });
}

void unknown_service(Subject& subject) {
  for_each_running(subject, {}, [](Service& service) {
    const auto* hooks = service.implements<cm_plugin_directory>(CM_EXT_DIRECTORY);
    if (hooks == nullptr) throw Skipped(std::string(service.kind()) + " does not implement " CM_EXT_DIRECTORY);
    for (const std::int32_t up : {0, 1, 1, 0, 0}) {
      service.hook(std::string("a service that it never heard of ") + (up != 0 ? "comes" : "goes"), [&](void* self) {
        hooks->on_service(self, 1'000'000, up);
        return CM_OK;
      });
    }
  });
}

void peers_come_and_go(Subject& subject) {
  for_each_running(subject, {}, [&](Service& service) {
    MemoryHost& host = service.host();
    std::vector<std::string> others{"peer#7@check", "hub#7@check"};
    for (const auto& kind : subject.manifest().requires_kinds) others.push_back(kind + "#7@check");
    for (int round = 0; round < 3; ++round) {
      valid_messages(service);  // some of which make it ask others
      for (const auto& other : others) {
        service.step(other + " goes", [&] {
          host.down(other);
          return CM_OK;
        });
      }
      valid_messages(service);
      for (const auto& other : others) {
        service.step(other + " comes", [&] {
          host.up(other, {.load = 1, .address = "127.0.0.1:7"});
          return CM_OK;
        });
      }
    }
  });
}

// A crowd comes, each says something, and all go; what is left of it does not grow.
void crowd_leaves_nothing(Subject& subject) {
  // A log line that nobody forgets would look like a leak.
  for_each_running(subject, {.missing = {CM_EXT_LOG}}, [&](Service& service) {
    const auto& messages = subject.manifest().messages;
    std::uint64_t first = 0;
    const auto crowd = [&] {
      first += 10'000;
      Random random = subject.random("crowd");  // the same each time
      for (std::size_t n = 0; n < kCrowd; ++n) {
        const cm_client client = service.client(first + n);
        if (!messages.empty()) {
          const auto& message = messages[random.below(messages.size())];
          cm_request request{};
          request.client = client;
          const std::string body = subject.bodies().valid(message.name, random);
          service.step("message " + message.name + " of a crowd",
                       [&] { return service.host().deliver(request, message.id, body); });
        }
      }
      for (std::size_t n = 0; n < kCrowd; ++n) closed(service, service.client(first + n), "a crowd goes");
      service.forget_clients();
      for (std::size_t jobs = service.host().jobs().size(); jobs > 0; --jobs) {
        service.step("a job of a crowd", [&] { return service.host().run_job(); });
      }
      service.step("ten minutes go by", [&] {
        service.host().advance(600'000);
        return CM_OK;
      });
    };
    const std::size_t bytes = left_on_heap(crowd) / kCrowd;
    if (bytes < kAllowed) return;
    throw Failed(std::string(service.kind()) + ": each client that came and went left " + std::to_string(bytes) +
                 " bytes, ten minutes after");
  });
}

}  // namespace

std::vector<Test> presence_tests() {
  return {
      {"client.unknown_closed",
       "The end of a client that it never had is no trouble.",
       "let on_client_closed pass over clients that it does not know",
       {"life.destroy_without_stop"},
       unknown_closed},
      {"client.closed_twice",
       "A client's end that is told again, after a link broke, is no trouble.",
       "forget a client in on_client_closed, and pass over one that is forgotten",
       {"message.each_valid"},
       closed_twice},
      {"client.message_after_close",
       "A message that was under way when its client went is no trouble.",
       "look at what it takes for granted of a client that it has forgotten",
       {"message.each_valid"},
       message_after_close},
      {"service.unknown_goes",
       "News of services that it never heard of, told in any order, are no trouble.",
       "let on_service pass over services that it does not know",
       {"life.destroy_without_stop"},
       unknown_service},
      {"service.others_come_and_go",
       "It bears that all that it needs goes down, and goes on when they are back.",
       "look at what send(), call() and pick() return",
       {"message.each_valid"},
       peers_come_and_go},
  };
}

std::vector<Test> crowd_tests() {
  return {
      {"leak.clients",
       "A host that runs for months is not filled by players who left.",
       "free in on_client_closed what is kept of a client",
       {"ext.host_without_log", "fence.no_exception_leaves"},
       crowd_leaves_nothing,
       std::chrono::seconds(30)},
  };
}

}  // namespace cm::check
