// What an independent client (client.py: its rules are functions there) finds of WebSocket and TLS.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "support/deployment.hpp"
#include "support/process.hpp"

namespace cm::test {
namespace {

using Settings = std::map<std::string, std::string>;

struct Rule {
  std::string name;  // a function of client.py
  std::string transport;
  std::string mesh = "default";  // of meshes()
};
std::ostream& operator<<(std::ostream& out, const Rule& rule) { return out << rule.name << '_' << rule.transport; }

// The settings of each kind of mesh.
const std::map<std::string, Settings>& meshes() {
  static const std::map<std::string, Settings> all{
      {"default", {}},
      {"generous",
       {{"agent/ws_max_body", "1048576"},
        {"agent/ws_deflate", "true"},
        {"agent/ws_origins", "https://play.example.org"}}},
      {"hasty", {{"agent/handshake_timeout_sec", "1"}}},
      {"lively", {{"agent/ws_ping_sec", "3"}, {"agent/ws_subprotocols", "chat.v2, binary"}}},
      {"strict", {{"agent/ws_ping_sec", "0"}, {"agent/heartbeat_sec", "1"}}},
      {"narrow", {{"agent/max_handshakes", "8"}, {"agent/tls_min_version", "1.3"}}},
  };
  return all;
}

class IndependentClient : public testing::TestWithParam<Rule> {
 public:
  static void TearDownTestSuite() { running().clear(); }

 protected:
  static Deployment& mesh(const std::string& name) {
    auto& deployment = running()[name];
    if (!deployment) {
      Deployment::Options options;
      options.transports = "tcp,tls,ws,wss";
      options.settings = meshes().at(name);
      deployment = std::make_unique<Deployment>(Shape::embedded, std::move(options));
    }
    return *deployment;
  }

 private:
  static std::map<std::string, std::unique_ptr<Deployment>>& running() {
    static std::map<std::string, std::unique_ptr<Deployment>> all;
    return all;
  }
};

TEST_P(IndependentClient, Finds) {
  const Rule& rule = GetParam();
  Deployment& deployment = mesh(rule.mesh);
  const auto finished = run({.command = {"/usr/bin/python3", CM_E2E_WS_CLIENT, rule.name,
                                         deployment.url("login", rule.transport == "wss" ? "wss" : "ws"),
                                         deployment.url("agent", rule.transport), deployment.folder().string()},
                             .env = {},
                             .folder = {},
                             .log = {}},
                            patience(seconds(180)));
  ASSERT_TRUE(finished) << "it takes too long";
  EXPECT_EQ(finished->code, 0) << finished->output << tail(deployment.host("agent").log());
  EXPECT_TRUE(deployment.host("agent").process().running());
  // Nothing of a key is ever told.
  EXPECT_EQ(deployment.host("agent").log().find("PRIVATE"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    WebSocket, IndependentClient,
    testing::Values(
        Rule{"a_message_in_fragments_is_one", "ws"}, Rule{"a_message_in_fragments_is_one", "wss"},
        Rule{"pings_are_answered_between_fragments", "ws"}, Rule{"pings_are_answered_between_fragments", "wss"},
        Rule{"a_ping_of_the_library_is_answered", "ws"}, Rule{"a_message_of_one_mebibyte_is_carried", "ws", "generous"},
        Rule{"a_message_of_one_mebibyte_is_carried", "wss", "generous"},
        Rule{"a_message_over_the_limit_is_told_and_closes_with_1009", "ws"},
        Rule{"text_is_told_and_closes_with_1003", "ws"}, Rule{"text_that_is_no_utf8_closes_with_1007", "ws"},
        Rule{"a_message_without_room_for_an_id_is_told_and_closes_with_1007", "ws"},
        Rule{"what_breaks_the_protocol_closes_with_1002", "ws"},
        Rule{"what_breaks_the_protocol_closes_with_1002", "wss"}, Rule{"a_close_is_answered_with_its_code", "ws"},
        Rule{"ends_at_any_moment_harm_nobody", "ws"}, Rule{"ends_at_any_moment_harm_nobody", "wss"},
        Rule{"what_is_pipelined_behind_the_handshake_is_read", "ws"},
        Rule{"many_messages_in_one_write_come_back_in_order", "ws"},
        Rule{"many_messages_in_one_write_come_back_in_order", "wss"},
        Rule{"pings_of_a_client_that_does_not_read_are_bounded", "ws"},
        Rule{"a_slow_handshake_is_closed", "ws", "hasty"}, Rule{"a_slow_handshake_is_closed", "wss", "hasty"},
        Rule{"too_many_handshakes_are_closed_and_the_others_served", "ws", "narrow"},
        Rule{"a_bad_request_gets_its_http_error", "ws"}, Rule{"a_bad_request_gets_its_http_error", "wss"},
        Rule{"an_idle_client_is_pinged_and_stays", "ws", "lively"},
        Rule{"an_idle_client_is_pinged_and_stays", "wss", "lively"},
        Rule{"one_that_does_not_answer_pings_is_told_and_closed", "ws", "lively"},
        Rule{"pings_of_a_client_are_signs_of_life", "ws", "strict"},
        Rule{"the_first_offered_subprotocol_that_is_listed_is_selected", "ws", "lively"},
        Rule{"the_first_offered_subprotocol_that_is_listed_is_selected", "wss", "lively"},
        Rule{"binary_is_a_subprotocol", "ws"}, Rule{"binary_is_a_subprotocol", "wss"},
        Rule{"a_health_check_is_answered", "ws"}, Rule{"a_health_check_is_answered", "wss"},
        Rule{"a_page_of_another_origin_is_refused", "ws"}, Rule{"pages_of_named_origins_may_connect", "ws", "generous"},
        Rule{"messages_are_compressed_with_who_asks_for_it", "ws", "generous"},
        Rule{"what_cannot_be_inflated_closes_with_1007", "ws", "generous"},
        Rule{"what_inflates_beyond_the_limit_closes_with_1009", "ws", "generous"}),
    testing::PrintToStringParamName());

TEST(Operator, SeesPagesThatWereRefused) {
  Deployment mesh(Shape::embedded);
  const auto finished = run({.command = {"/usr/bin/python3", CM_E2E_WS_CLIENT, "a_page_of_another_origin_is_refused",
                                         mesh.url("login", "ws"), mesh.url("login", "ws"), mesh.folder().string()},
                             .env = {},
                             .folder = {},
                             .log = {}},
                            patience(seconds(180)));
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->code, 0) << finished->output;
  Host& host = mesh.host("login");
  EXPECT_EQ(host.query({"status"}).at("origins_refused").to_number<int>(), 3);
  EXPECT_TRUE(host.wait_for_log("service=login#0@dev origin=http://evil.example.org"));
}

INSTANTIATE_TEST_SUITE_P(Tls, IndependentClient,
                         testing::Values(Rule{"tls_is_1_3_and_1_2_for_who_knows_no_better", "tls"},
                                         Rule{"tls_1_2_is_refused_where_a_setting_wants_1_3", "tls", "narrow"},
                                         Rule{"who_asks_for_another_protocol_is_refused", "tls"},
                                         Rule{"tls_that_is_half_open_is_closed_and_the_others_served", "tls", "hasty"},
                                         Rule{"what_is_no_tls_is_closed", "tls", "hasty"},
                                         Rule{"a_changed_certificate_is_taken_under_traffic", "tls"}),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace cm::test
