#pragma once

#include <gtest/gtest.h>

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
namespace detail {

// After a test: false, and the test has failed, when a host is not what it was.
inline bool all_well(Deployment& mesh) {
  for (Host* host : mesh.hosts()) {
    if (host->process().running() && host->process().sanitizer_report().empty()) continue;
    ADD_FAILURE() << "a host ended, or a sanitizer found something in it:\n" << tail(host->log());
    return false;
  }
  if (testing::Test::HasFailure()) {
    for (Host* host : mesh.hosts()) std::cerr << "--- a host's log\n" << tail(host->log(), 1500) << '\n';
  }
  return true;
}

}  // namespace detail

// Tests of what a player sees, run on both deployments. A deployment is started for the first test that needs it and
// serves all tests of the suite: each leaves it as it found it, and none may bring a host down.
class OnDeployments : public testing::TestWithParam<Shape> {
 public:
  static void TearDownTestSuite() { running().clear(); }

 protected:
  void SetUp() override {
    auto& deployment = running()[GetParam()];
    if (!deployment) deployment = std::make_unique<Deployment>(GetParam());
    mesh_ = deployment.get();
  }
  void TearDown() override {
    if (mesh_ == nullptr) return;
    if (!detail::all_well(*mesh_)) running().erase(GetParam());
  }

  [[nodiscard]] Deployment& mesh() { return *mesh_; }
  [[nodiscard]] Client player() { return mesh_->player(); }
  // A client that is connected to the agent and has said nothing.
  [[nodiscard]] Client stranger() { return Client(mesh_->ticket().agent); }

 private:
  static std::map<Shape, std::unique_ptr<Deployment>>& running() {
    static std::map<Shape, std::unique_ptr<Deployment>> all;
    return all;
  }
  Deployment* mesh_ = nullptr;
};

// A deployment, and how clients come in.
struct Way {
  Shape shape = Shape::embedded;
  std::string transport = "tcp";
  friend auto operator<=>(const Way&, const Way&) = default;
};
inline std::ostream& operator<<(std::ostream& out, const Way& way) { return out << way.shape << '_' << way.transport; }

// The same, by every transport.
class OnEveryTransport : public testing::TestWithParam<Way> {
 public:
  static void TearDownTestSuite() { running().clear(); }

 protected:
  void SetUp() override {
    auto& deployment = running()[GetParam().shape];
    if (!deployment) {
      Deployment::Options options;
      options.transports = "tcp,tls,ws,wss";
      deployment = std::make_unique<Deployment>(GetParam().shape, std::move(options));
    }
    mesh_ = deployment.get();
  }
  void TearDown() override {
    if (mesh_ == nullptr) return;
    if (!detail::all_well(*mesh_)) running().erase(GetParam().shape);
  }

  [[nodiscard]] Deployment& mesh() { return *mesh_; }
  [[nodiscard]] const std::string& transport() const { return GetParam().transport; }
  // A login by the transport, for the agent by the same.
  [[nodiscard]] Ticket ticket() {
    Ticket got = await_ticket(mesh_->url("login", transport()));
    got.agent = mesh_->url("agent", transport());
    return got;
  }
  [[nodiscard]] Client player() { return enter(ticket()); }
  // A client that is connected to the agent and has said nothing.
  [[nodiscard]] Client stranger() { return Client(mesh_->url("agent", transport())); }

 private:
  static std::map<Shape, std::unique_ptr<Deployment>>& running() {
    static std::map<Shape, std::unique_ptr<Deployment>> all;
    return all;
  }
  Deployment* mesh_ = nullptr;
};

#define CM_ON_EVERY_TRANSPORT(suite)                                                                         \
  INSTANTIATE_TEST_SUITE_P(Transports, suite, testing::ValuesIn([] {                                         \
                             std::vector<cm::test::Way> ways;                                                \
                             for (const auto shape : {cm::test::Shape::embedded, cm::test::Shape::consul}) { \
                               for (const char* transport : {"tcp", "ws", "tls", "wss"})                     \
                                 ways.push_back({shape, transport});                                         \
                             }                                                                               \
                             return ways;                                                                    \
                           }()),                                                                             \
                           testing::PrintToStringParamName())

#define CM_ON_DEPLOYMENTS(suite)                                                                                    \
  INSTANTIATE_TEST_SUITE_P(Deployments, suite, testing::Values(cm::test::Shape::embedded, cm::test::Shape::consul), \
                           testing::PrintToStringParamName())

}  // namespace cm::test
