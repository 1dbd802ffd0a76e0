#pragma once

#include <cellmesh/testkit.hpp>

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace social_test {

using cellmesh::Client;
using cellmesh::ServiceId;
using cellmesh::Status;
using cellmesh::test::Host;

using namespace std::chrono_literals;

// An agent as the social services see it.
struct FakeAgent {
  std::string name;
  std::map<std::int64_t, std::string> uids = {};
  std::map<std::int64_t, std::set<std::string>> channels = {};
  std::map<std::int64_t, std::vector<proto::ChatACK>> heard = {};
  std::string leader = {};
  std::uint64_t epoch = 0;
  std::uint64_t last_line = 0;
  std::set<std::string> cut_off = {};  // social services that it cannot be reached by
  int answers = 1'000'000;             // it answers so many deliveries, and loses what comes behind

  proto::LeadACK lead(const proto::LeadREQ& req, const std::string& from) {
    proto::LeadACK ack;
    const bool may = (from == leader && req.epoch() == epoch) || req.epoch() > epoch;
    if (may) leader = from, epoch = req.epoch();
    ack.set_refused(!may);
    ack.set_epoch(epoch);
    ack.set_last_line(last_line);
    return ack;
  }
  proto::DeliverACK deliver(const proto::DeliverREQ& req, const std::string& from) {
    proto::DeliverACK ack;
    ack.set_refused(from != leader || req.epoch() != epoch);
    for (const auto& line : req.lines()) {
      if (ack.refused() || line.said().id() <= last_line) continue;
      last_line = line.said().id();
      for (const auto& [session, uid] : uids) {
        const bool named = std::find(line.sessions().begin(), line.sessions().end(), session) != line.sessions().end();
        if (line.all() || named) heard[session].push_back(line.said());
      }
    }
    ack.set_epoch(epoch);
    ack.set_last_line(last_line);
    return ack;
  }
  std::vector<std::string> lines(std::int64_t session) {
    std::vector<std::string> all;
    for (const auto& said : std::exchange(heard[session], {})) all.push_back(said.content());
    return all;
  }
};

// The one row that is written here: the lease.
struct FakeData {
  bool up = true;
  std::uint64_t version = 0;
  std::string value = {};
};

// Social services, two agents with a player each, and the data service, with messages carried between them.
class Leaders : public testing::Test {
 protected:
  static constexpr std::int64_t ann = 1, bob = 2;

  void SetUp() override {
    agents = {{"agent#0@test", {.name = "agent#0@test", .uids = {{ann, "ann"}}}},
              {"agent#1@test", {.name = "agent#1@test", .uids = {{bob, "bob"}}}}};
    start("social#0@test");
    run();
    start("social#1@test");
    run(1s);
  }

  Host& host(const std::string& name) { return *hosts.at(name); }
  ServiceId id_at(const std::string& at, const std::string& of) { return ids[at][of]; }
  Client client(const std::string& at, std::int64_t session) {
    return {id_at(at, session == ann ? "agent#0@test" : "agent#1@test"), static_cast<std::uint64_t>(session)};
  }

  void start(const std::string& name, bool meets_others = true) {
    hosts[name] = std::make_unique<Host>(name);
    auto& at = ids[name];
    at.clear();
    if (meets_others) meet_others(name);
    at["data#0@test"] = hosts[name]->up("data#0@test");
    for (auto& [agent_name, agent] : agents) at[agent_name] = hosts[name]->up(agent_name);
    for (auto& [agent_name, agent] : agents) announce(agent, name);
  }
  void meet_others(const std::string& name) {
    for (const auto& [other, host] : hosts) {
      if (other == name) continue;
      ids[name][other] = hosts[name]->up(other);
      ids[other][name] = host->up(name);
    }
  }
  // Ends by itself.
  void stop(const std::string& name) {
    host(name).stop();
    for (const auto& sent : host(name).take<proto::HandOverREQ>()) {
      for (const auto& [other, to] : hosts) {
        if (other != name) to->deliver(sent.message, id_at(other, name));
      }
    }
    kill(name);
    miss(name);
  }
  // Without a word.
  void kill(const std::string& name) {
    hosts.erase(name);
    dead.insert(name);
  }
  // The others' hosts are told that it is gone.
  void miss(const std::string& name) {
    for (auto& [other, host] : hosts) host->down(name);
    dead.erase(name);
  }
  void data_goes() {
    data.up = false;
    for (auto& [name, host] : hosts) host->down("data#0@test");
  }

  void announce(FakeAgent& agent, const std::string& to) {
    if (!hosts.contains(to)) return;
    proto::OnlineREQ req;
    req.set_again(true);
    req.set_begins(true);
    req.set_all(true);
    for (const auto& [session, uid] : agent.uids) {
      auto& entry = *req.add_entries();
      entry.set_session(session);
      entry.set_uid(uid);
      entry.set_entered_at_ms(1000);
      for (const auto& channel : agent.channels[session]) entry.add_channels(channel);
    }
    host(to).deliver(req, id_at(to, agent.name));
  }

  // Carries messages and lets time pass, in steps.
  void run(std::chrono::milliseconds time = 0ms) {
    carry();
    for (; time > 0ms; time -= 50ms) {
      for (auto& [name, host] : hosts) host->advance(50ms);
      carry();
    }
  }
  void carry() {
    for (bool moved = true; moved;) {
      moved = false;
      for (const auto& [name, host] : hosts) moved |= carry_of(name, *host);
    }
  }
  bool carry_of(const std::string& name, Host& from) {
    bool moved = false;
    for (const auto& call : from.calls<proto::LoadDataREQ>()) {
      proto::LoadDataACK ack;
      if (!data.up) ack.set_result(proto::DataAway);
      for (const auto& key : call.request.keys()) {
        auto& row = *ack.add_rows();
        if (key.key() != "leader") continue;
        row.set_version(data.version);
        row.set_value(data.value);
      }
      from.answer(call, ack);
      moved = true;
    }
    for (const auto& call : from.calls<proto::SaveDataREQ>()) {
      proto::SaveDataACK ack;
      const auto& write = call.request.writes(0);
      const bool lease = write.key().key() == "leader";
      if (!data.up) {
        ack.set_result(proto::DataAway);
      } else if (lease && write.version() != data.version) {
        ack.set_result(proto::DataConflict);
      } else {
        if (lease) ++data.version, data.value = write.value();
        for (int n = 0; n < call.request.writes_size(); ++n) ack.add_versions(lease ? data.version : 1);
      }
      from.answer(call, ack);
      moved = true;
    }
    for (auto& [agent_name, agent] : agents) moved |= carry_to(agent, name, from);
    for (const auto& call : from.calls<proto::FollowREQ>()) {
      const auto to = name_of(name, call.to);
      if (hung.contains(to) || hung.contains(name) || !hosts.contains(to)) continue;
      const auto ask = host(to).ask(call.request, id_at(to, name));
      from.answer(call, host(to).reply<proto::FollowACK>(ask));
      moved = true;
    }
    for (const auto& sent : from.take<proto::ForwardREQ>()) {
      for (const auto& [to, other] : hosts) {
        if (to != name) other->deliver(sent.message, id_at(to, name)), moved = true;
      }
    }
    return moved;
  }
  bool carry_to(FakeAgent& agent, const std::string& name, Host& from) {
    if (agent.cut_off.contains(name)) return false;
    bool moved = false;
    const auto each = [&](auto request, auto&& answer) {
      for (const auto& call : from.calls<decltype(request)>()) {
        if (call.to != id_at(name, agent.name)) continue;
        answer(call);
        moved = true;
      }
    };
    each(proto::LeadREQ(), [&](const auto& call) {
      const bool is_new = agent.leader != name;
      from.answer(call, agent.lead(call.request, name));
      if (is_new) announce(agent, name);
    });
    each(proto::MembershipREQ(), [&](const auto& call) {
      auto& of = agent.channels[call.request.session()];
      if (call.request.leaves()) {
        of.erase(call.request.channel());
      } else {
        of.insert(call.request.channel());
      }
      from.answer(call, proto::MembershipACK());
      for (const auto& [other, host] : hosts) announce(agent, other);
    });
    if (agent.answers == 0) return moved;
    each(proto::DeliverREQ(), [&](const auto& call) {
      --agent.answers;
      from.answer(call, agent.deliver(call.request, name));
    });
    return moved;
  }
  std::string name_of(const std::string& at, ServiceId id) {
    for (const auto& [name, known] : ids[at]) {
      if (known == id) return name;
    }
    return {};
  }

  static proto::ChatREQ chat(const std::string& content, const std::string& id, const std::string& channel = {}) {
    proto::ChatREQ req;
    req.set_content(content);
    req.set_request_id(id);
    req.set_channel(channel);
    return req;
  }
  void say(const std::string& at, std::int64_t session, const proto::ChatREQ& req) {
    EXPECT_EQ(host(at).deliver(req, client(at, session)), Status::ok);
    carry();
  }
  // What was acknowledged to it since it was asked last.
  std::vector<std::string> done(const std::string& at, std::int64_t session) {
    std::vector<std::string> all;
    for (const auto& sent : host(at).sent<proto::ChatDoneACK>(client(at, session))) {
      EXPECT_EQ(sent.message.result(), proto::NoError) << sent.message.text();
      all.push_back(sent.message.request_id());
    }
    static_cast<void>(host(at).take<proto::ChatDoneACK>());
    return all;
  }
  void join(const std::string& at, std::int64_t session, const std::string& channel) {
    proto::JoinChannelREQ req;
    req.set_channel(channel);
    host(at).deliver(req, client(at, session));
    run();
    EXPECT_EQ(host(at).one<proto::JoinChannelACK>(client(at, session)).result(), proto::NoError);
  }
  FakeAgent& at_ann() { return agents["agent#0@test"]; }
  FakeAgent& at_bob() { return agents["agent#1@test"]; }

  std::map<std::string, FakeAgent> agents;
  FakeData data;
  std::map<std::string, std::unique_ptr<Host>> hosts;
  std::map<std::string, std::map<std::string, ServiceId>> ids;  // [at][of]
  std::set<std::string> dead;
  std::set<std::string> hung;  // neither hear nor are heard by other social services
};

}  // namespace social_test
