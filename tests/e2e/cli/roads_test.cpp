// `cellmesh chat` by every transport.
#include <gtest/gtest.h>

#include "support/deployment.hpp"

namespace cm::test {
namespace {

class ChatRoads : public testing::TestWithParam<std::string> {
 public:
  static void TearDownTestSuite() { mesh().reset(); }

 protected:
  static Deployment& running() {
    if (!mesh()) {
      mesh() = std::make_unique<Deployment>(
          Shape::embedded, Deployment::Options{.arguments = {}, .env = {}, .transports = "tcp,tls,ws,wss"});
    }
    return *mesh();
  }

 private:
  static std::unique_ptr<Deployment>& mesh() {
    static std::unique_ptr<Deployment> all;
    return all;
  }
};

TEST_P(ChatRoads, WhatIsTypedComesBack) {
  Deployment& mesh = running();
  std::vector<std::string> words{program().string(), "chat", "--name", "ann", "--login", mesh.url("login", GetParam())};
  if (GetParam() == "tls" || GetParam() == "wss") {
    words.insert(words.end(), {"--ca", (mesh.folder() / "cert.pem").string()});
  }
  Process chat({.command = words, .env = {}, .folder = {}, .log = {}, .input = true});
  chat.write("by " + GetParam() + ": " + std::string(20'000, 'x') + "\n");
  EXPECT_TRUE(chat.wait_for_output("ann: by " + GetParam())) << chat.output();
  chat.close_input();
  EXPECT_EQ(chat.wait(), 0) << tail(chat.output());
}
INSTANTIATE_TEST_SUITE_P(Cli, ChatRoads, testing::Values("tcp", "tls", "ws", "wss"),
                         [](const auto& of) { return of.param; });

TEST(ChatByTls, SaysWhyItDoesNotTrustTheServer) {
  Deployment mesh(Shape::embedded, {.arguments = {}, .env = {}, .transports = "tcp,wss"});
  Process chat({.command = {program().string(), "chat", "--login", mesh.url("login", "wss")},
                .env = {},
                .folder = {},
                .log = {},
                .input = true});
  EXPECT_TRUE(chat.wait_for_output("certificate is not trusted")) << chat.output();
  chat.terminate();
  EXPECT_TRUE(chat.wait().has_value());
}

}  // namespace
}  // namespace cm::test
