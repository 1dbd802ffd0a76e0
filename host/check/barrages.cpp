#include "check/barrages.hpp"

#include <cellmesh/abi/channel.h>
#include <cellmesh/abi/clients.h>
#include <cellmesh/abi/directory.h>
#include <cellmesh/abi/message.h>
#include <cellmesh/abi/offload.h>
#include <cellmesh/abi/timer.h>

#include <algorithm>
#include <array>

namespace cm::check {
namespace {

constexpr std::size_t kDeliveries = 3000;  // of one barrage, so that a plugin with many messages takes no longer
constexpr std::size_t kWaitersServed = 100;
constexpr std::array kWays{From::client, From::service, From::call};

std::string_view word(From from) {
  static constexpr std::array<std::string_view, 3> kWords{"from a client", "from a service", "as a call"};
  return kWords[static_cast<std::size_t>(from)];
}

}  // namespace

cm_status deliver(Service& service, From from, std::uint16_t id, std::string_view body, const std::string& what) {
  cm_request request{};
  if (from != From::service) request.client = service.client(1);
  if (from != From::client) request.from = service.asker();
  if (from == From::call) request.call = 1;
  return service.step(what + " " + std::string(word(from)) + ", " + in_hex(body),
                      [&] { return service.host().deliver(request, id, body); });
}

void each_message(Service& service, std::string_view purpose, std::size_t times, const MakeBody& body) {
  Subject& subject = service.subject();
  const auto& messages = subject.manifest().messages;
  if (messages.empty()) return;
  times = std::clamp<std::size_t>(kDeliveries / messages.size() / kWays.size(), 1, times);
  Random random = subject.random(purpose);
  for (const auto& message : messages) {
    for (std::size_t n = 0; n < times; ++n) {
      for (const From from : kWays) {
        deliver(service, from, message.id, body(subject.bodies(), message.name, random), "message " + message.name);
      }
    }
  }
}

void empty_messages(Service& service) {
  each_message(service, "empty", 1, [](const Bodies&, std::string_view, Random&) { return std::string(); });
}

void valid_messages(Service& service) {
  each_message(service, "valid", 20, [](const Bodies& bodies, std::string_view message, Random& random) {
    return bodies.valid(message, random);
  });
}

void random_messages(Service& service) {
  each_message(service, "random", 30, [](const Bodies& /*bodies*/, std::string_view /*message*/, Random& random) {
    return random.bytes(1 + random.below(200));
  });
}

void truncated_messages(Service& service) {
  std::size_t cut = 0;
  each_message(service, "truncated", 40, [&](const Bodies& bodies, std::string_view message, Random& random) {
    std::string body = bodies.long_valid(message, random);
    if (body.size() < 2) return body;
    body.resize(1 + cut++ % (body.size() - 1));
    return body;
  });
}

void unknown_messages(Service& service) {
  Random random = service.subject().random("unknown");
  for (int n = 0; n < 100; ++n) {
    const auto id = static_cast<std::uint16_t>(1 + random.below(65'535));
    if (service.subject().manifest().message(id) != nullptr) continue;
    for (const From from : kWays) {
      deliver(service, from, id, random.bytes(random.below(40)), "message of the unknown id " + std::to_string(id));
    }
  }
}

void let_it_work(Service& service) {
  Subject& subject = service.subject();
  const auto& messages = subject.manifest().messages;
  Random random = subject.random("work");
  MemoryHost& host = service.host();
  const auto any = [&](const std::function<void(std::uint16_t id, const std::string& body)>& use) {
    if (messages.empty()) return;
    const auto& message = messages[random.below(messages.size())];
    use(message.id, subject.bodies().valid(message.name, random));
  };
  for (int round = 0; round < 3; ++round) {
    auto calls = host.calls();
    calls.resize(std::min(calls.size(), kWaitersServed));
    for (const auto& call : calls) {
      if (random.chance(3)) {
        service.step("the call for " + call.handler + " fails", [&] { return host.fail(call.number, CM_UNAVAILABLE); });
      } else {
        any([&](std::uint16_t id, const std::string& body) {
          service.step("an answer for " + call.handler + ", " + in_hex(body),
                       [&] { return host.answer(call.number, id, body); });
        });
      }
    }
    for (std::size_t n = 0; n < kWaitersServed && !host.jobs().empty(); ++n) {
      service.step("the job for " + host.jobs().front().handler, [&] { return host.run_job(); });
    }
    auto subscriptions = host.subscriptions();
    subscriptions.resize(std::min(subscriptions.size(), kWaitersServed));
    for (const auto& subscription : subscriptions) {
      any([&](std::uint16_t id, const std::string& body) {
        service.step("a message of the channel " + subscription.channel + ", " + in_hex(body),
                     [&] { return host.publish(subscription.channel, id, body, 0, service.asker()); });
      });
      service.step("messages of the channel " + subscription.channel + " are lost",
                   [&] { return host.publish(subscription.channel, 0, {}, 3, 0); });
    }
    service.step("a minute goes by", [&] {
      host.advance(60'000);
      return CM_OK;
    });
  }
}

void unknown_handlers(Service& service) {
  static const std::string kNobody = "Nobody::has_this";
  const auto cookie = service.subject().random("cookie").bytes(12);
  if (service.implements<cm_plugin_message>(CM_EXT_MESSAGE) != nullptr) {
    call_reply(service, kNobody, CM_OK, cookie, 1, {});
  }
  if (service.implements<cm_plugin_timer>(CM_EXT_TIMER) != nullptr) call_timer(service, kNobody, cookie);
  if (service.implements<cm_plugin_channel>(CM_EXT_CHANNEL) != nullptr) call_channel(service, kNobody, cookie, 1, {});
  if (service.implements<cm_plugin_offload>(CM_EXT_OFFLOAD) != nullptr) {
    call_job(service, kNobody, CM_OK, cookie, {});
  }
}

void comings_and_goings(Service& service) {
  MemoryHost& host = service.host();
  const auto told = [&](const std::string& what, const std::function<void()>& tell) {
    service.step(what, [&] {
      tell();
      return CM_OK;
    });
  };
  const cm_client known = service.client(1);
  const cm_client unknown{service.asker(), 0, 77};
  told("its client's binding changes", [&] { host.rebound(known, 0, service.asker()); });
  told("a client is gone that it never heard of", [&] { host.client_closed(unknown, CM_CLOSE_BY_CLIENT); });
  told("its client is gone", [&] { host.client_closed(known, CM_CLOSE_GATEWAY_LOST); });
  told("its client is gone once more", [&] { host.client_closed(known, CM_CLOSE_GATEWAY_LOST); });
  told("a service comes", [&] { host.up("another#3@check"); });
  told("a service goes", [&] { host.down("another#3@check"); });
  if (const auto* hooks = service.implements<cm_plugin_directory>(CM_EXT_DIRECTORY)) {
    service.hook("a service goes that it never heard of", [&](void* self) {
      hooks->on_service(self, 1'000'000, 0);
      return CM_OK;
    });
  }
}

void settings_again(Service& service) {
  const auto settings = default_settings(service.subject(), service.kind());
  if (!settings) return;
  service.step("its default settings", [&] { return service.host().change_settings(*settings); });
}

void everything(Service& service) {
  for (const auto barrage : {valid_messages, let_it_work, empty_messages, random_messages, truncated_messages,
                             unknown_messages, unknown_handlers, settings_again, let_it_work, comings_and_goings}) {
    barrage(service);
  }
}

}  // namespace cm::check
