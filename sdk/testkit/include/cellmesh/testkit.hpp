// SPDX-License-Identifier: MIT
//
// The one header of a plugin's unit tests: the plugin's service in a host that is in memory, with messages as types and
// a clock that the test turns. No process, no network, no thread.
//
//   TEST(Chat, WhatOneSaysEverybodyHears) {
//     cellmesh::test::Host host("chat#0@dev");
//     const auto ann = host.client(), bob = host.client();
//     proto::ChatREQ req;
//     req.set_content("hi");
//     host.deliver(req, ann);
//     EXPECT_EQ(host.one<proto::ChatACK>(bob).content(), "hi");
//   }
//
// Build it with cellmesh_add_plugin_test() in CMake. Any test framework will do. What is not here is in host.memory().
#ifndef CELLMESH_TESTKIT_HPP
#define CELLMESH_TESTKIT_HPP

#include <cellmesh/client.hpp>
#include <cellmesh/message.hpp>
#include <cellmesh/status.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "testkit/plugin_under_test.hpp"
#include "testkit/stage.hpp"

namespace cellmesh::test {

// For Host's constructor: the test calls start() itself. Since 1.0.
struct NotStarted {};
inline constexpr NotStarted not_started{};

// A message that the service sent, and how. Since 1.0.
template <Message M>
struct Sent {
  M message;
  Act act;
};

// A call of the service that waits for its answer. Since 1.0.
template <Message M>
struct Call {
  M request;
  ServiceId to;
  Client client;             // on whose behalf
  std::uint64_t number = 0;  // its own
};

// A service of the plugin, created and started, in a host of its own; life, time and who is around it are in Stage.
//
// What the service sends stays written down until it is taken: sent() looks, one() and take() take, clear() forgets.
// What others do happens only when the test says so: answers, jobs' ends, channels' messages, clients' ends. Since 1.0.
class Host : public Stage {
 public:
  // The plugin's service of that id, `game#0@dev`: throws when it refuses. In any order there may follow: a settings
  // message in place of the defaults, `kind_of<T>()` for a class of the test's own, a state message that it takes over
  // in place of its start, `not_started`.
  template <typename... More>
  explicit Host(const std::string& id, const More&... more) : Host(id, Choice(more...)) {}

  // A message of a client, or of a service. What its handler returned; unhandled when there is none.
  template <Message M>
  Status deliver(const M& message, Client from) {
    return deliver_request(message, cm_request{0, 0, 0, from.raw()});
  }
  template <Message M>
  Status deliver(const M& message, ServiceId from) {
    return deliver_request(message, cm_request{from.handle(), 0, 0, {}});
  }
  // A service asks, perhaps on behalf of a client, and waits: see reply() and reply_status().
  template <Message M>
  Ask ask(const M& message, ServiceId from, Client client = {}) {
    Ask ask{Request(cm_request{from.handle(), 0, next_ask(), client.raw()})};
    ask.status = deliver_request(message, ask.request.raw());
    return ask;
  }
  // Its answer. Throws Unexpected when it was answered by another message, by a status, twice or not at all.
  template <Message M>
  M reply(const Ask& ask) {
    const auto replies = take_replies(ask);
    if (replies.size() == 1 && replies[0].did == Did::reply && replies[0].id == MessageTraits<M>::id) {
      return parse<M>(replies[0].body);
    }
    throw Unexpected(id() + " was to answer once, with a " + name_of<M>() + ", and " + list(replies, "did not answer"));
  }

  // The one call with such a request that waits for its answer. Throws Unexpected when there are none or several.
  template <Message M>
  Call<M> call() const {
    const auto all = calls<M>();
    if (all.size() == 1) return all[0];
    throw Unexpected(id() + " has " + std::to_string(all.size()) + " calls with a " + name_of<M>() +
                     " that wait, not one; " + list(memory().acts(), "it did nothing"));
  }
  template <Message M>
  [[nodiscard]] std::vector<Call<M>> calls() const {
    std::vector<Call<M>> found;
    for (const WaitingCall& waiting : memory().calls()) {
      if (waiting.id != MessageTraits<M>::id) continue;
      found.push_back({parse<M>(waiting.body), ServiceId(waiting.to), Client(waiting.client), waiting.number});
    }
    return found;
  }
  // Its answer comes, or a status instead. What the service made of it.
  template <Message M, Message A>
  Status answer(const Call<M>& call, const A& answer) {
    return called(call.number, memory().answer(call.number, MessageTraits<A>::id, answer.SerializeAsString()));
  }
  template <Message M>
  Status fail_call(const Call<M>& call, Status status) {
    return called(call.number, memory().fail(call.number, static_cast<cm_status>(status)));
  }

  // A message of a channel, and how many of it were lost before. Throws Unexpected when the service is not subscribed.
  template <Message M>
  Status publish(const std::string& channel, const M& message, ServiceId from = {}, std::uint64_t lost = 0) {
    const std::string body = message.SerializeAsString();
    return published(channel, memory().publish(channel, MessageTraits<M>::id, body, lost, from.handle()));
  }

  // The settings are these from now on: on_settings.
  template <SettingsMessage S>
  Status change_settings(const S& settings) {
    return checked(memory().change_settings(settings.SerializeAsString()));
  }

  // The state that it would hand over.
  template <StateMessage S>
  S state() {
    SavedState saved;
    const Status status = checked(memory().save(saved));
    S state;
    if (status == Status::ok && state.ParseFromString(saved.message)) return state;
    throw Unexpected(id() + " has no such state: its save returned " + std::string(to_string(status)));
  }

  // All messages of this type that the service sent and that were not taken yet, whomever they went to; calls are not
  // among them.
  template <Message M>
  [[nodiscard]] std::vector<Sent<M>> sent() const {
    std::vector<Sent<M>> found;
    for (const Act& act : memory().acts()) {
      if (is<M>(act)) found.push_back({parse<M>(act.body), act});
    }
    return found;
  }
  // Those that a client or a service got: sent to it, in a list with it, to all, or in answer to it.
  template <Message M>
  [[nodiscard]] std::vector<Sent<M>> sent(Client to) const {
    auto found = sent<M>();
    std::erase_if(found, [&](const Sent<M>& one) { return !reaches(one.act, to); });
    return found;
  }
  template <Message M>
  [[nodiscard]] std::vector<Sent<M>> sent(ServiceId to) const {
    auto found = sent<M>();
    std::erase_if(found, [&](const Sent<M>& one) { return !reaches(one.act, to); });
    return found;
  }
  template <Message M>
  std::vector<Sent<M>> take() {
    auto found = sent<M>();
    static_cast<void>(memory().take_if([](const Act& act) { return is<M>(act); }));
    return found;
  }
  // The one message of this type that was sent, which is taken. Throws Unexpected when there are none or several.
  template <Message M>
  M one() {
    const Sent<M> found = only(sent<M>(), "");
    read(found.act);
    return found.message;
  }
  // The one that a client or a service got, which is taken; what others got as well stays for them.
  template <Message M>
  M one(Client to) {
    const Sent<M> found = only(sent<M>(to), " for " + to_string(to));
    read(found.act, to);
    return found.message;
  }
  template <Message M>
  M one(ServiceId to) {
    const Sent<M> found = only(sent<M>(to), " for " + memory().name(to.handle()));
    read(found.act);
    return found.message;
  }

 private:
  // What stands behind the id in the constructor.
  struct Choice {
    template <typename... More>
    explicit Choice(const More&... more) {
      (take(more), ...);
    }
    template <SettingsMessage S>
    void take(const S& message) {
      settings = message.SerializeAsString();
    }
    template <StateMessage S>
    void take(const S& message) {
      state = message.SerializeAsString();
    }
    void take(const cm_service_kind& own) { kind = &own; }
    void take(NotStarted /*tag*/) { started = false; }

    std::optional<std::string> settings;
    std::optional<std::string> state;
    const cm_service_kind* kind = nullptr;
    bool started = true;
  };

  Host(const std::string& id, const Choice& choice)
      : Stage(kind(id, choice), options(id, choice), choice.state, &detail::message_name) {
    if (!choice.started) return;
    const Status status = start();
    if (status != Status::ok) throw Unexpected(id + " did not start: " + std::string(to_string(status)));
  }

  static std::string kind_name(const std::string& id) { return id.substr(0, id.find('#')); }
  static const cm_service_kind& kind(const std::string& id, const Choice& choice) {
    return choice.kind != nullptr ? *choice.kind : detail::PluginUnderTest::instance().kind(kind_name(id));
  }
  static MemoryHostOptions options(const std::string& id, const Choice& choice) {
    return {.id = id,
            .settings = choice.settings ? choice.settings : detail::default_settings(kind_name(id)),
            .version = detail::plugin_version()};
  }

  template <Message M>
  Status deliver_request(const M& message, const cm_request& request) {
    return checked(memory().deliver(request, MessageTraits<M>::id, message.SerializeAsString()));
  }

  template <Message M>
  static std::string name_of() {
    return std::string(MessageTraits<M>::name);
  }
  template <Message M>
  static M parse(const std::string& body) {
    M message;
    if (!message.ParseFromString(body)) throw Unexpected("a body does not parse as " + name_of<M>());
    return message;
  }
  template <Message M>
  static bool is(const Act& act) {
    return sends(act) && act.id == MessageTraits<M>::id;
  }
  template <Message M>
  Sent<M> only(const std::vector<Sent<M>>& found, const std::string& whom) const {
    if (found.size() == 1) return found[0];
    throw Unexpected(id() + " sent " + std::to_string(found.size()) + " of " + name_of<M>() + whom + ", not one; " +
                     list(memory().acts(), "it did nothing"));
  }
};

}  // namespace cellmesh::test

#endif
