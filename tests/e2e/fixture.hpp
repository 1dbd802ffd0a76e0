#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "support/deployment.hpp"

namespace cm::test {

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
    for (Host* host : mesh_->hosts()) {
      if (host->process().running() && host->process().sanitizer_report().empty()) continue;
      const std::string log = tail(host->log());
      running().erase(GetParam());
      FAIL() << "a host ended, or a sanitizer found something in it:\n" << log;
    }
    if (HasFailure()) {
      for (Host* host : mesh_->hosts()) std::cerr << "--- a host's log\n" << tail(host->log(), 1500) << '\n';
    }
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

#define CM_ON_DEPLOYMENTS(suite)                                                                                    \
  INSTANTIATE_TEST_SUITE_P(Deployments, suite, testing::Values(cm::test::Shape::embedded, cm::test::Shape::consul), \
                           testing::PrintToStringParamName())

}  // namespace cm::test
