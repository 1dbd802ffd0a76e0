#include "cli/chat_client.hpp"

#include <future>
#include <optional>

#include <gmock/gmock.h>

#include "fake_mesh.hpp"
#include "support/two_addresses.hpp"

namespace cm::cli {
namespace {

using namespace std::chrono_literals;
using State = ChatClient::State;
using test::FakeMesh;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;

struct Heard final : ChatView {
  void on_online(const std::string& uid, const std::string& agent, const std::string& game) override {
    uids.push_back(uid);
    online.push_back(agent + " " + game);
  }
  void on_chat(const std::string& content) override { chat.push_back(content); }
  void on_notice(const std::string& sentence) override { notices.push_back(sentence); }
  void on_trouble(const std::string& sentence, std::optional<std::chrono::milliseconds> retry_in) override {
    troubles.push_back(sentence);
    retries.push_back(retry_in.value_or(-1ms).count());
  }
  std::vector<std::string> uids, online, chat, notices, troubles;
  std::vector<std::chrono::milliseconds::rep> retries;
};

struct ChatClientTest : testing::Test {
  ChatClientTest() {
    config.name = "ann";
    config.find_login = [this] { return net::Address::parse(mesh.login_address()); };
    config.first_retry = 1ms;
    config.longest_retry = 20ms;
  }
  void start() {
    mesh.start();
    client.emplace(config, heard);
    client->start();
  }
  // Turns the loop until it is so, or far too long.
  template <class Condition>
  [[nodiscard]] bool until(const Condition& condition) {
    const auto limit = ChatClient::Clock::now() + 20s;
    while (!condition()) {
      const auto now = ChatClient::Clock::now();
      if (now > limit) return false;
      pollfd p = client->interest();
      const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::min(client->deadline(), limit) - now).count();
      if (::poll(&p, 1, static_cast<int>(std::max<decltype(wait)>(wait, 0))) < 0) return false;
      client->step(p.revents);
    }
    return true;
  }
  [[nodiscard]] bool until_online() {
    return until([this] { return client->state() == State::online; });
  }
  [[nodiscard]] bool until_chat(std::size_t count) {
    return until([this, count] { return heard.chat.size() >= count; });
  }
  [[nodiscard]] bool until_trouble() {
    return until([this] { return !heard.troubles.empty(); });
  }

  FakeMesh mesh;
  ChatConfig config;
  Heard heard;
  std::optional<ChatClient> client;
};

TEST_F(ChatClientTest, LogsInIsVerifiedAndHearsItsOwnLine) {
  start();
  ASSERT_TRUE(until_online());
  EXPECT_THAT(heard.online, ElementsAre(mesh.agent_address() + " game#0@dev"));
  EXPECT_TRUE(client->say("hello"));
  ASSERT_TRUE(until_chat(1));
  EXPECT_THAT(heard.chat, ElementsAre("ann: hello"));
  EXPECT_TRUE(until([this] { return client->echoed() == 1 && client->open_lines() == 0; }));
  EXPECT_THAT(heard.troubles, IsEmpty());
}

TEST_F(ChatClientTest, ThePlayerIsWhoTheLoginSays) {
  mesh.on_login = [this](int fd, std::uint16_t, const std::string&) {
    auto ack = mesh.login_ack();
    ack.set_uid("guest-ann");
    mesh.send(fd, ack);
  };
  start();
  ASSERT_TRUE(until_online());
  EXPECT_THAT(heard.uids, ElementsAre("guest-ann"));
}

TEST_F(ChatClientTest, ThePlayerIsWhoTheAgentLetIn) {
  mesh.on_verify = [this](int fd, std::uint16_t, const std::string&) {
    proto::VerifyACK ack;
    ack.set_uid("guest-0815");
    mesh.send(fd, ack);
  };
  start();
  ASSERT_TRUE(until_online());
  EXPECT_THAT(heard.uids, ElementsAre("guest-0815"));
}

TEST_F(ChatClientTest, PresentsWhatTheLoginGaveToTheAgent) {
  std::promise<std::string> login_body;
  std::promise<std::string> verify_body;
  mesh.on_login = [&](int fd, std::uint16_t, const std::string& body) {
    login_body.set_value(body);
    mesh.send(fd, mesh.login_ack());
  };
  mesh.on_verify = [&](int fd, std::uint16_t, const std::string& body) {
    verify_body.set_value(body);
    mesh.send(fd, proto::VerifyACK());
  };
  start();
  ASSERT_TRUE(until_online());
  proto::LoginREQ login;
  ASSERT_TRUE(login.ParseFromString(login_body.get_future().get()));
  EXPECT_EQ(login.uid(), "ann");
  proto::VerifyREQ verify;
  ASSERT_TRUE(verify.ParseFromString(verify_body.get_future().get()));
  EXPECT_EQ(verify.game_token(), "token");
  EXPECT_EQ(verify.game_svc_id(), "game#0@dev");
}

TEST_F(ChatClientTest, WhatIsSaidBeforeTheConnectionStandsIsSentAfterInOrder) {
  mesh.start();
  client.emplace(config, heard);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(client->say(std::to_string(i)));
  client->start();
  ASSERT_TRUE(until_chat(100));
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(heard.chat[i], "ann: " + std::to_string(i));
}

TEST_F(ChatClientTest, OthersLinesAreHeardAndAreNoEcho) {
  mesh.on_verify = [this](int fd, std::uint16_t, const std::string&) {
    mesh.send(fd, proto::VerifyACK());
    proto::ChatACK ack;
    ack.set_content("bob: hi");
    mesh.send(fd, ack);
  };
  start();
  ASSERT_TRUE(until_chat(1));
  EXPECT_THAT(heard.chat, ElementsAre("bob: hi"));
  EXPECT_EQ(client->echoed(), 0U);
}

TEST_F(ChatClientTest, FramesThatComeByteByByteAreReadAsWhole) {
  mesh.on_verify = [this](int fd, std::uint16_t, const std::string&) {
    proto::ChatACK ack;
    ack.set_content(std::string(300, 'x'));
    for (const char c : test::frame_of(proto::VerifyACK()) + test::frame_of(ack)) mesh.send_bytes(fd, {&c, 1});
  };
  start();
  ASSERT_TRUE(until_chat(1));
  EXPECT_EQ(heard.chat[0].size(), 300U);
}

TEST_F(ChatClientTest, TheLoginsRefusalIsSaidWithItsCureAndTriedAgain) {
  mesh.on_login = [this](int fd, std::uint16_t, const std::string&) {
    proto::LoginACK ack = mesh.login_ack();
    if (mesh.logins == 1) ack.set_result(proto::AgentNotFound);
    if (mesh.logins == 2) ack.set_result(proto::GameNotFound);
    if (mesh.logins == 3) ack.mutable_server()->clear_ip();
    mesh.send(fd, ack);
  };
  start();
  ASSERT_TRUE(until_online());
  EXPECT_THAT(heard.troubles,
              ElementsAre(HasSubstr("start a host with the agent plugin"),
                          HasSubstr("start a host with the game plugin"), HasSubstr("agent/public_host")));
}

TEST_F(ChatClientTest, AFailedVerifyIsSaidAndTriedAgainFromTheLogin) {
  mesh.on_verify = [this](int fd, std::uint16_t, const std::string&) {
    proto::VerifyACK ack;
    if (mesh.logins < 3) ack.set_result(proto::GameNotFound);
    mesh.send(fd, ack);
  };
  start();
  ASSERT_TRUE(until_online());
  EXPECT_THAT(heard.troubles, ElementsAre(HasSubstr("did not let you in"), HasSubstr("did not let you in")));
  EXPECT_EQ(mesh.logins, 3);
}

TEST_F(ChatClientTest, NobodyAtTheLoginsAddressIsSaidWithTheCure) {
  std::string dead;
  {
    const FakeMesh other;
    dead = other.login_address();
  }
  config.find_login = [dead] { return net::Address::parse(dead); };
  start();
  ASSERT_TRUE(until_trouble());
  EXPECT_THAT(heard.troubles[0], HasSubstr("Connection refused; start a host there, as with `cellmesh host --dev`"));
}

TEST_F(ChatClientTest, AConsulThatCannotBeAskedIsSaidAndAskedAgain) {
  int asked = 0;
  config.find_login = [&]() -> base::Result<net::Address> {
    if (++asked < 3) return base::error("Consul is away");
    return net::Address::parse(mesh.login_address());
  };
  start();
  ASSERT_TRUE(until_online());
  EXPECT_THAT(heard.troubles, ElementsAre("Consul is away", "Consul is away"));
}

TEST_F(ChatClientTest, AnAddressThatIsNoneIsSaid) {
  config.find_login = [] { return net::Address::parse("nonsense"); };
  start();
  ASSERT_TRUE(until_trouble());
  EXPECT_THAT(heard.troubles[0], HasSubstr("is no address"));
}

// Takes the address of a name that comes first, and no connection: who connects hears nothing.
class Swallower {
 public:
  explicit Swallower(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    const auto* to = reinterpret_cast<const sockaddr*>(&address);
    if (::bind(listener_, to, sizeof address) != 0 || ::listen(listener_, 0) != 0) std::abort();
    for (int& fd : callers_) {
      fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      (void)::connect(fd, to, sizeof address);
    }
  }
  ~Swallower() {
    for (const int fd : callers_) ::close(fd);
    ::close(listener_);
  }
  Swallower(const Swallower&) = delete;
  Swallower& operator=(const Swallower&) = delete;

 private:
  const int listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::array<int, 4> callers_{};  // more than wait to be taken
};

TEST_F(ChatClientTest, AnAddressThatNobodyTakesIsGivenUpForTheNextOneOfTheName) {
  const auto login = *net::Address::parse(mesh.login_address());
  const Swallower swallower(login.to.port);
  config.find_login = [&] {
    return net::Address::parse(std::string(cm::test::kTwoAddresses) + ":" + std::to_string(login.to.port));
  };
  config.answer_timeout = 200ms;
  start();
  EXPECT_TRUE(until_online());
}

TEST_F(ChatClientTest, ASilentLoginIsGivenUp) {
  config.answer_timeout = 20ms;
  mesh.on_login = [](int, std::uint16_t, const std::string&) {};
  start();
  ASSERT_TRUE(until_trouble());
  EXPECT_THAT(heard.troubles[0], HasSubstr("did not answer within"));
}

TEST_F(ChatClientTest, ASilentAgentIsGivenUp) {
  config.answer_timeout = 50ms;
  mesh.on_verify = [](int, std::uint16_t, const std::string&) {};
  start();
  ASSERT_TRUE(until([this] { return mesh.logins > 2; }));
  EXPECT_THAT(heard.troubles[0], HasSubstr(mesh.agent_address() + " did not answer within"));
}

TEST_F(ChatClientTest, ALostConnectionIsMadeAgainAndLinesOnTheirWayAreNamed) {
  mesh.on_chat = [this](int fd, std::uint16_t, const std::string& body) {
    if (mesh.chats == 1) return mesh.close(fd);
    mesh.echo(fd, body);
  };
  start();
  ASSERT_TRUE(until_online());
  client->say("into the dark");
  ASSERT_TRUE(until_trouble());
  EXPECT_THAT(heard.troubles[0], HasSubstr("1 line of yours may not have come through"));
  EXPECT_EQ(client->lost(), 1U);
  client->say("again");
  ASSERT_TRUE(until_chat(1));
  EXPECT_THAT(heard.chat, ElementsAre("ann: again"));
  EXPECT_EQ(heard.online.size(), 2U);
}

TEST_F(ChatClientTest, TheGatewaysLastWordIsTheReason) {
  mesh.on_chat = [this](int fd, std::uint16_t, const std::string&) {
    proto::NoticeACK notice;
    notice.set_code(proto::NoticeACK::GoingDown);
    notice.set_text("for an upgrade");
    mesh.send(fd, notice);
    mesh.close(fd);
  };
  start();
  ASSERT_TRUE(until_online());
  client->say("x");
  ASSERT_TRUE(until_trouble());
  EXPECT_THAT(heard.troubles[0], HasSubstr("the gateway is going down: for an upgrade"));
  EXPECT_TRUE(until_online());
}

TEST_F(ChatClientTest, WhoIsKickedStaysAway) {
  mesh.on_chat = [this](int fd, std::uint16_t, const std::string&) {
    proto::NoticeACK notice;
    notice.set_code(proto::NoticeACK::Kicked);
    notice.set_text("be nice\x1b[31m");
    mesh.send(fd, notice);
    mesh.close(fd);
  };
  start();
  ASSERT_TRUE(until_online());
  client->say("x");
  ASSERT_TRUE(until([this] { return client->state() == State::ended; }));
  EXPECT_THAT(heard.troubles, ElementsAre(HasSubstr("you were kicked: be nice\\u001b[31m")));
  EXPECT_THAT(heard.retries, ElementsAre(-1));
  EXPECT_FALSE(client->say("more"));
}

TEST_F(ChatClientTest, WhoseUidEnteredElsewhereStaysAway) {
  mesh.on_chat = [this](int fd, std::uint16_t, const std::string&) {
    proto::NoticeACK notice;
    notice.set_code(proto::NoticeACK::Replaced);
    mesh.send(fd, notice);
    mesh.close(fd);
  };
  start();
  ASSERT_TRUE(until_online());
  client->say("x");
  ASSERT_TRUE(until([this] { return client->state() == State::ended; }));
  EXPECT_THAT(heard.troubles, ElementsAre(HasSubstr("you came in again from elsewhere")));
  EXPECT_THAT(heard.retries, ElementsAre(-1));
}

TEST_F(ChatClientTest, ALineThatTheGatewayDroppedIsLostAndSaid) {
  mesh.on_chat = [this](int fd, std::uint16_t id, const std::string&) {
    proto::NoticeACK notice;
    notice.set_code(proto::NoticeACK::NoService);
    notice.set_msg_id(id);
    notice.set_service("game");
    mesh.send(fd, notice);
  };
  start();
  ASSERT_TRUE(until_online());
  client->say("x");
  ASSERT_TRUE(until([this] { return !heard.notices.empty(); }));
  EXPECT_THAT(heard.notices, ElementsAre("your message was dropped, no service that takes it is up (game)"));
  EXPECT_EQ(client->open_lines(), 0U);
  EXPECT_EQ(client->lost(), 1U);
  EXPECT_EQ(client->state(), State::online);
}

TEST_F(ChatClientTest, ALineThatDoesNotComeBackIsGivenUpAndSaid) {
  config.echo_timeout = 20ms;
  mesh.on_chat = [](int, std::uint16_t, const std::string&) {};
  start();
  ASSERT_TRUE(until_online());
  client->say("one");
  client->say("two");
  ASSERT_TRUE(until([this] { return client->open_lines() == 0; }));
  EXPECT_THAT(heard.notices, Contains(HasSubstr("had no answer")));
  EXPECT_EQ(client->lost(), 2U);
}

TEST_F(ChatClientTest, ALineThatCameTooFastIsSaidAgainAndInOrder) {
  mesh.on_chat = [this](int fd, std::uint16_t, const std::string& body) {
    if (mesh.chats % 2 == 0) return mesh.echo(fd, body);
    proto::ChatREQ request;
    request.ParseFromString(body);
    proto::ChatDoneACK done;
    done.set_request_id(request.request_id());
    done.set_result(proto::TooFast);
    done.set_retry_after_ms(1);
    mesh.send(fd, done);
  };
  start();
  for (const char* line : {"one", "two", "three"}) client->say(line);
  ASSERT_TRUE(until([this] { return client->open_lines() == 0; }));
  EXPECT_THAT(heard.chat, ElementsAre("ann: one", "ann: two", "ann: three"));
  EXPECT_EQ(client->lost(), 0U);
  EXPECT_EQ(mesh.chats, 6);
}

TEST_F(ChatClientTest, ARefusedLineIsLostAndTheReasonIsSaid) {
  mesh.on_chat = [this](int fd, std::uint16_t, const std::string& body) {
    proto::ChatREQ request;
    request.ParseFromString(body);
    proto::ChatDoneACK done;
    done.set_request_id(request.request_id());
    done.set_result(proto::PlayerBlocked);
    done.set_text("that player blocked you");
    mesh.send(fd, done);
  };
  start();
  client->say("/msg bob hi");
  ASSERT_TRUE(until([this] { return client->lost() == 1; }));
  EXPECT_THAT(heard.notices, ElementsAre("that player blocked you"));
}

TEST_F(ChatClientTest, AWordToOneIsShownToWhoSaidItOnceItIsAnswered) {
  mesh.on_chat = [this](int fd, std::uint16_t, const std::string& body) {
    proto::ChatREQ request;
    request.ParseFromString(body);
    EXPECT_EQ(request.to(), "bob");
    proto::ChatDoneACK done;
    done.set_request_id(request.request_id());
    mesh.send(fd, done);
  };
  start();
  client->say("/msg bob hi there");
  ASSERT_TRUE(until_chat(1));
  EXPECT_THAT(heard.chat, ElementsAre("you -> bob: hi there"));
}

TEST_F(ChatClientTest, ALevelUpWhoseEndIsNotKnownIsAskedForAgainAndNoOtherIs) {
  std::vector<std::string> ids;
  mesh.on_level_up = [&](int fd, std::uint16_t, const std::string& body) {
    proto::LevelUpREQ request;
    request.ParseFromString(body);
    ids.push_back(request.request_id());
    if (ids.size() == 1) return mesh.close(fd);
    proto::LevelUpACK ack;
    ack.set_request_id(request.request_id());
    ack.set_result(ids.size() == 2 ? proto::DataUnavailable : proto::NoError);
    ack.set_text(std::to_string(ids.size()));
    mesh.send(fd, ack);
  };
  start();
  client->say("/level");
  ASSERT_TRUE(until_trouble());
  for (int i = 0; i < 3; ++i) client->say("/level");
  ASSERT_TRUE(until([this] { return heard.notices.size() == 3; }));
  EXPECT_THAT(heard.notices, ElementsAre("2", "you are on 3", "you are on 4"));
  EXPECT_FALSE(ids[0].empty());
  EXPECT_THAT(ids, ElementsAre(ids[0], ids[0], ids[0], testing::Ne(ids[0])));
}

TEST_F(ChatClientTest, APlayerAsksForItself) {
  mesh.on_player = [this](int fd, std::uint16_t, const std::string&) {
    proto::PlayerACK ack;
    ack.set_uid("ann");
    ack.set_level(2);
    mesh.send(fd, ack);
  };
  start();
  client->say("/me");
  ASSERT_TRUE(until([this] { return !heard.notices.empty(); }));
  EXPECT_THAT(heard.notices, ElementsAre(HasSubstr("ann: level 2")));
}

TEST_F(ChatClientTest, AGatewayThatStopsAnsweringPingsIsLeft) {
  config.ping_period = 10ms;
  std::atomic<int> pings{0};
  mesh.on_ping = [&](int fd, std::uint16_t, const std::string&) {
    if (++pings <= 2) mesh.send(fd, proto::PingACK());
  };
  start();
  ASSERT_TRUE(until_trouble());
  EXPECT_THAT(heard.troubles[0], HasSubstr("has fallen silent"));
}

TEST_F(ChatClientTest, AGatewayThatNeverAnswersPingsIsNotLeft) {
  config.ping_period = 5ms;
  std::atomic<int> pings{0};
  mesh.on_ping = [&](int, std::uint16_t, const std::string&) { ++pings; };
  start();
  ASSERT_TRUE(until([&] { return pings > 20; }));
  EXPECT_THAT(heard.troubles, IsEmpty());
}

TEST_F(ChatClientTest, WhatSpeaksAnotherProtocolIsSaidToDoSo) {
  mesh.on_login = [this](int fd, std::uint16_t, const std::string&) { mesh.send_bytes(fd, std::string(4, '\0')); };
  start();
  ASSERT_TRUE(until_trouble());
  EXPECT_THAT(heard.troubles[0], HasSubstr("does not speak the client protocol"));
}

TEST_F(ChatClientTest, AMessageThatCannotBeReadIsSaid) {
  mesh.on_login = [this](int fd, std::uint16_t, const std::string&) {
    std::string frame = test::frame_of(mesh.login_ack());
    for (std::size_t i = net::kFrameHeader; i < frame.size(); ++i) frame[i] = '\xff';
    mesh.send_bytes(fd, frame);
  };
  start();
  ASSERT_TRUE(until_trouble());
  EXPECT_THAT(heard.troubles[0], HasSubstr("cannot be read"));
}

TEST_F(ChatClientTest, UnknownMessagesAreNoHarm) {
  mesh.on_verify = [this](int fd, std::uint16_t, const std::string&) {
    proto::ServerInfo unknown;
    unknown.set_ip("?");
    mesh.send(fd, unknown);
    mesh.send(fd, proto::VerifyACK());
    mesh.send(fd, mesh.login_ack());
    mesh.send(fd, unknown);
  };
  start();
  ASSERT_TRUE(until_online());
  client->say("x");
  EXPECT_TRUE(until_chat(1));
}

TEST_F(ChatClientTest, MoreLinesThanMayWaitAreNotTaken) {
  config.most_waiting = 3;
  client.emplace(config, heard);
  EXPECT_TRUE(client->say("1"));
  EXPECT_TRUE(client->say("2"));
  EXPECT_TRUE(client->takes_lines());
  EXPECT_TRUE(client->say("3"));
  EXPECT_FALSE(client->takes_lines());
  EXPECT_FALSE(client->say("4"));
}

TEST_F(ChatClientTest, ALongLineIsCutToWhatTheGatewayTakesAndBrokenTextIsMended) {
  start();
  ASSERT_TRUE(until_online());
  client->say(std::string(100'000, 'x'));
  client->say("caf\xe9");
  ASSERT_TRUE(until_chat(2));
  EXPECT_EQ(heard.chat[0].size(), std::string("ann: ").size() + ChatClient::kLongestLine);
  EXPECT_EQ(heard.chat[1], "ann: caf\xef\xbf\xbd");
}

TEST_F(ChatClientTest, RetriesComeLaterAndLaterLessARandomPart) {
  config.first_retry = 8ms;
  config.longest_retry = 16ms;
  mesh.on_login = [this](int fd, std::uint16_t, const std::string&) { mesh.close(fd); };
  start();
  ASSERT_TRUE(until([this] { return heard.retries.size() >= 6; }));
  EXPECT_THAT(heard.retries[0], testing::AllOf(Ge(4), Le(8)));
  EXPECT_THAT(std::vector(heard.retries.begin() + 1, heard.retries.end()), Each(testing::AllOf(Ge(8), Le(16))));
}

}  // namespace
}  // namespace cm::cli
