// The demo client of the original (davyxu/cellmesh, Go), byte for byte: it knows five messages, and closes the
// connection at any other.
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "e2e/fixture.hpp"

namespace cm::test {
namespace {

constexpr std::uint16_t kPing = 16241;
constexpr std::uint16_t kLoginReq = 18837;
constexpr std::uint16_t kLoginAck = 46204;
constexpr std::uint16_t kVerifyReq = 13457;
constexpr std::uint16_t kVerifyAck = 40824;
constexpr std::uint16_t kChatReq = 29052;
constexpr std::uint16_t kChatAck = 56419;
constexpr std::uint16_t kTestAck = 9315;

// What the Go client sends: LoginREQ{Version: "1.0", Platform: "demo", UID: "1234"} and so on, as its encoder writes
// it.
constexpr std::string_view kLogin(
    "\x0a\x03"
    "1.0"
    "\x12\x04"
    "demo"
    "\x1a\x04"
    "1234");
constexpr std::string_view kVerify(
    "\x0a\x06"
    "verify");

class GoClient {
 public:
  explicit GoClient(const std::string& url) : client_(url) {}

  void send(std::uint16_t id, std::string_view body) { client_.send(id, body); }
  void say(std::string_view line) {
    send(kChatReq, "\x0a" + std::string(1, static_cast<char>(line.size())) + std::string(line));
  }
  // The next message. Throws at one that the Go client does not know, where that one would close the connection.
  Frame next() {
    static const std::set<std::uint16_t> kKnown{kPing, kLoginAck, kVerifyAck, kChatAck, kTestAck};
    auto got = client_.read();
    if (!got) throw std::runtime_error("the host closed the connection");
    if (!kKnown.contains(got->id)) throw std::runtime_error("unknown message id " + std::to_string(got->id));
    return *got;
  }
  // The next message with this id; others that it knows are skipped.
  Frame await(std::uint16_t id) {
    for (;;) {
      if (Frame got = next(); got.id == id) return got;
    }
  }
  void hear(const std::string& line) {
    while (await(kChatAck).as<proto::ChatACK>().content() != line) {
    }
  }

 private:
  Client client_;
};

// As the demo client does: by the transport of the login, to the address in `server`.
GoClient log_in_and_verify(const std::string& login_url) {
  const std::string transport = transport_of(login_url);
  std::string server;
  {
    GoClient login(login_url);
    login.send(kLoginReq, kLogin);
    const auto ack = login.await(kLoginAck).as<proto::LoginACK>();
    if (ack.result() != proto::NoError) throw std::runtime_error("login: " + proto::ResultCode_Name(ack.result()));
    server = ack.server().ip() + ":" + std::to_string(ack.server().port());
  }
  GoClient agent(transport == "ws" ? "ws://" + server + "/" : server);
  agent.send(kVerifyReq, kVerify);
  const auto ack = agent.await(kVerifyAck).as<proto::VerifyACK>();
  if (ack.result() != proto::NoError) throw std::runtime_error("verify: " + proto::ResultCode_Name(ack.result()));
  return agent;
}

class Original : public testing::TestWithParam<Way> {
 protected:
  static Deployment::Options options() {
    Deployment::Options options;
    options.tokens = false;  // the demo client shows the literal text `verify`
    return options;
  }
  [[nodiscard]] std::string login_url() { return mesh.url("login", GetParam().transport); }

  Deployment mesh{GetParam().shape, options()};
};
INSTANTIATE_TEST_SUITE_P(EveryWay, Original,
                         testing::Values(Way{Shape::embedded, "tcp"}, Way{Shape::embedded, "ws"},
                                         Way{Shape::consul, "tcp"}, Way{Shape::consul, "ws"}),
                         [](const auto& test) {
                           std::ostringstream name;
                           name << test.param;
                           return name.str();
                         });

TEST_P(Original, DemoClientChatsWithAClientOfToday) {
  GoClient go = log_in_and_verify(login_url());
  Client today = mesh.player();
  for (int round = 0; round < 20; ++round) {
    const std::string line = "line " + std::to_string(round);
    go.send(kPing, {});
    EXPECT_EQ(go.await(kPing).body, "");
    go.say("go " + line);
    go.hear("go " + line);
    expect_chat(today, "go " + line);
    today.send(chat_req("today " + line));
    go.hear("today " + line);
  }
}

TEST_P(Original, DemoClientIsNotSentWhatItCannotKnow) {
  GoClient go = log_in_and_verify(login_url());
  const std::uint16_t no_route = 4;
  go.send(no_route, "");                  // a notice, MessageBlocked
  go.say("");                             // a ChatDoneACK, TextEmpty
  go.send(kVerifyReq, kVerify);           // a notice, AlreadyVerified
  go.send(kChatReq, "\xff\xff\xff\xff");  // a notice, MessageMalformed
  go.say("still here");
  go.hear("still here");
}

// A client of today sees all of these.
TEST_P(Original, ClientThatStatesVersion2IsSentTheRest) {
  Client today = mesh.player();
  today.send(4, "");
  today.expect_notice(proto::NoticeACK::MessageBlocked);
  today.send(chat_req(""));
  EXPECT_EQ(today.expect<proto::ChatDoneACK>().result(), proto::TextEmpty);
}

}  // namespace
}  // namespace cm::test
