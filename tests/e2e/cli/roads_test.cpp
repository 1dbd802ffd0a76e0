// `cellmesh chat` by every transport.
#include <gtest/gtest.h>

#include "e2e/fixture.hpp"

namespace cm::test {
namespace {

class ChatRoads : public OnEveryWay {};

TEST_P(ChatRoads, WhatIsTypedComesBack) {
  std::vector<std::string> words{program().string(), "chat", "--name", "ann", "--login", login_url()};
  if (transport() == "tls" || transport() == "wss") {
    words.insert(words.end(), {"--ca", (mesh().folder() / "cert.pem").string()});
  }
  Process chat({.command = words, .env = {}, .folder = {}, .log = {}, .input = true});
  chat.write("by " + transport() + ": " + std::string(20'000, 'x') + "\n");
  EXPECT_TRUE(chat.wait_for_output("ann: by " + transport())) << chat.output();
  chat.close_input();
  EXPECT_EQ(chat.wait(), 0) << tail(chat.output());
}
INSTANTIATE_TEST_SUITE_P(Cli, ChatRoads,
                         testing::Values(Way{Shape::embedded, "tcp"}, Way{Shape::embedded, "tls"},
                                         Way{Shape::embedded, "ws"}, Way{Shape::embedded, "wss"}),
                         testing::PrintToStringParamName());

class ChatByTls : public OnEveryWay {};
INSTANTIATE_TEST_SUITE_P(Cli, ChatByTls, testing::Values(Way{Shape::embedded, "wss"}),
                         testing::PrintToStringParamName());

TEST_P(ChatByTls, SaysWhyItDoesNotTrustTheServer) {
  Process chat({.command = {program().string(), "chat", "--login", login_url()},
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
