#pragma once

#include <gtest/gtest.h>

#include <array>
#include <compare>
#include <iostream>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "support/deployment.hpp"

namespace cm::test {

constexpr std::array<const char*, 4> kTransports{"tcp", "ws", "tls", "wss"};

// A deployment, and how clients come in.
struct Way {
  Shape shape = Shape::embedded;
  std::string transport = "tcp";
  friend auto operator<=>(const Way&, const Way&) = default;
};
inline std::ostream& operator<<(std::ostream& out, const Way& way) { return out << way.shape << '_' << way.transport; }

inline std::vector<Way> every_way() {
  std::vector<Way> ways;
  for (const auto shape : {Shape::embedded, Shape::consul}) {
    for (const char* transport : kTransports) ways.push_back({shape, transport});
  }
  return ways;
}

inline Deployment::Options with_every_transport(Deployment::Options options = {}) {
  options.transports = "tcp,tls,ws,wss";
  return options;
}
// One by each, in the order of kTransports.
inline std::vector<Client> players_by_every_transport(Deployment& mesh) {
  std::vector<Client> players;
  for (const std::string transport : kTransports) players.push_back(enter(mesh.url("login", transport)));
  return players;
}

// A word that no other test of this program has: the deployment that they share remembers names.
inline std::string fresh(const std::string& word) {
  static int count = 0;
  return word + std::to_string(++count);
}

// The host ends it: it says why by a notice, which is returned, and by WebSocket the close frame has this code.
inline proto::NoticeACK expect_end(Client& client, proto::NoticeACK::Code code, int close_code = 1008) {
  const auto notice = client.expect_close();
  EXPECT_TRUE(notice) << "it is not told why; close code " << client.close_code() << ' ' << client.trouble();
  if (!notice) return {};
  EXPECT_EQ(notice->code(), code) << notice->text();
  EXPECT_FALSE(notice->text().empty());
  EXPECT_EQ(client.close_code(), client.websocket() ? close_code : 0);
  return *notice;
}

namespace detail {

// One deployment of each shape serves all tests of a program: started for the first that needs it, stopped at the end.
class SharedDeployments : public testing::Environment {
 public:
  Deployment& of(Shape shape) {
    auto& deployment = running_[shape];
    if (!deployment) {
      auto options = with_every_transport();
      // Every account here is made and guessed from one address, and is cheap.
      options.settings = {{"login/address_attempts", "1000000"}, {"login/argon2_mib", "19"}};
      deployment = std::make_unique<Deployment>(shape, std::move(options));
    }
    return *deployment;
  }
  // After a test, which fails when a host is not what it was: the next one gets another deployment.
  void check(Shape shape) {
    for (Host* host : running_.at(shape)->hosts()) {
      if (host->process().running() && host->process().sanitizer_report().empty()) continue;
      ADD_FAILURE() << "a host ended, or a sanitizer found something in it:\n" << tail(host->log());
      running_.erase(shape);
      return;
    }
    if (!testing::Test::HasFailure()) return;
    for (Host* host : running_.at(shape)->hosts()) {
      std::cerr << "--- a host's log\n" << tail(host->log(), 1500) << '\n';
    }
  }
  void TearDown() override { running_.clear(); }

 private:
  std::map<Shape, std::unique_ptr<Deployment>> running_;
};
inline SharedDeployments& shared_deployments() {
  static auto* const shared = new SharedDeployments;  // GoogleTest's, which deletes it
  return *shared;
}
inline const testing::Environment* const shared = testing::AddGlobalTestEnvironment(&shared_deployments());

}  // namespace detail

// Tests of what a player sees, run by every way in. Each leaves the deployment as it found it, and none may bring a
// host down.
class OnEveryWay : public testing::TestWithParam<Way> {
 protected:
  void SetUp() override { mesh_ = &detail::shared_deployments().of(GetParam().shape); }
  void TearDown() override {
    if (mesh_ != nullptr) detail::shared_deployments().check(GetParam().shape);
  }

  [[nodiscard]] Deployment& mesh() { return *mesh_; }
  [[nodiscard]] const std::string& transport() const { return GetParam().transport; }
  [[nodiscard]] std::string login_url() { return mesh_->url("login", transport()); }
  [[nodiscard]] std::string agent_url() { return mesh_->url("agent", transport()); }
  // A login by the transport, for the agent by the same.
  [[nodiscard]] Ticket ticket() { return await_ticket(login_url()); }
  [[nodiscard]] Client player() { return enter(ticket()); }
  // The guest of this name.
  [[nodiscard]] Client player(const std::string& name) {
    return enter(ticket_of(log_in(login_url(), name), transport()));
  }
  // A client that is connected to the agent and has said nothing.
  [[nodiscard]] Client stranger() { return Client(agent_url()); }

 private:
  Deployment* mesh_ = nullptr;
};

#define CM_ON_EVERY_WAY(suite) \
  INSTANTIATE_TEST_SUITE_P(Ways, suite, testing::ValuesIn(cm::test::every_way()), testing::PrintToStringParamName())

// For what is not of the wire and takes its time: by two ways that have nothing in common.
#define CM_ON_TWO_WAYS(suite)                                                                                          \
  INSTANTIATE_TEST_SUITE_P(                                                                                            \
      Ways, suite,                                                                                                     \
      testing::Values(cm::test::Way{cm::test::Shape::embedded, "tcp"}, cm::test::Way{cm::test::Shape::consul, "wss"}), \
      testing::PrintToStringParamName())

// For what has no client, or one of each transport in a test.
#define CM_ON_DEPLOYMENTS(suite)                                                                                       \
  INSTANTIATE_TEST_SUITE_P(                                                                                            \
      Deployments, suite,                                                                                              \
      testing::Values(cm::test::Way{cm::test::Shape::embedded, "tcp"}, cm::test::Way{cm::test::Shape::consul, "tcp"}), \
      [](const auto& way) { return testing::PrintToString(way.param.shape); })

}  // namespace cm::test
