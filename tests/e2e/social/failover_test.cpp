// Two social services, of which the one that leads ends: its players go on as if nothing had happened.
#include <gmock/gmock.h>

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "e2e/fixture.hpp"
#include "e2e/social/talk.hpp"

namespace cm::test {
namespace {

using testing::Contains;
using testing::ElementsAreArray;

// One mesh serves all tests: each begins with both social services up.
class TwoSocials : public testing::Test {
 public:
  static void TearDownTestSuite() { delete std::exchange(running_, nullptr); }

 protected:
  void SetUp() override {
    if (running_ == nullptr) {
      Deployment::Options options;
      // Longer than any pause of a machine that is busy.
      options.settings = {{"social/takeover_ms", "4000"}};
      running_ = new Deployment(Shape::consul, options);
      running_->add_host("agent2", {"--plugins", "agent", "--index", "1"}).await_ready();
      running_->add_host("social2", {"--plugins", "social", "--index", "1"}).await_ready();
    }
    ASSERT_TRUE(wait_until([&] { return rows().size() == 2; })) << "the first agent does not know both";
  }
  void TearDown() override {
    for (const char* name : {"social", "social2"}) come_back(name);
    if (!HasFailure()) return;
    for (Host* host : mesh().hosts()) std::cerr << "--- a host's log\n" << tail(host->log(), 1500) << '\n';
  }

  [[nodiscard]] static Deployment& mesh() { return *running_; }
  static boost::json::array rows() { return mesh().host("agent").query({"services", "social"}).as_array(); }
  // The host of the one that leads: those that follow tell a load beyond all bounds.
  static std::string leader() {
    std::string found;
    EXPECT_TRUE(wait_until([&] {
      int count = 0;
      for (const auto& row : rows()) {
        if (row.at("users").is_null() || row.at("users").to_number<std::uint64_t>() > 1'000'000) continue;
        found = row.at("id").as_string() == "social#0@dev" ? "social" : "social2";
        ++count;
      }
      return count == 1;
    })) << "nobody leads, or both";
    return found;
  }
  static std::string other(const std::string& name) { return name == "social" ? "social2" : "social"; }
  static void come_back(const std::string& name) {
    auto& host = mesh().host(name);
    if (host.process().running()) return;
    host.start();
    host.await_ready();
    EXPECT_TRUE(wait_until([&] { return rows().size() == 2; })) << name << " does not come back";
  }

  // Says it by the same id again and again, until it is acknowledged.
  static void insist(Client& client, const std::string& text, const std::string& channel) {
    auto req = chat_req(text);
    req.set_channel(channel);
    req.set_request_id(text);
    const bool done = wait_until([&] {
      client.send(req);
      const auto until = Clock::now() + milliseconds(200);
      while (Clock::now() < until) {
        std::optional<Frame> frame;
        try {
          frame = client.read(milliseconds(200));
        } catch (const std::exception&) {
          return false;  // nothing came
        }
        if (!frame) throw std::runtime_error("closed while waiting for ChatDoneACK");
        if (!frame->is<proto::ChatDoneACK>()) continue;
        const auto ack = frame->as<proto::ChatDoneACK>();
        if (ack.request_id() == text && ack.result() == proto::NoError) return true;
      }
      return false;
    });
    EXPECT_TRUE(done) << text << " is not acknowledged";
  }
  // Talks until the end, and expects that the other one hears each line once, in order.
  struct Talk {
    Client ann;
    Client bob;
    std::string channel;
    std::string bobs_uid = uid_of(bob);
    std::vector<std::string> said = {};
    void say(const std::string& text) {
      insist(ann, text, channel);
      said.push_back(text);
    }
    ~Talk() {
      std::vector<std::string> heard;
      insist(ann, "the end", channel);
      for (std::string line = hear(bob, channel).content(); line != "the end"; line = hear(bob, channel).content()) {
        heard.push_back(line);
      }
      EXPECT_THAT(heard, ElementsAreArray(said));
    }
    Talk(Client a, Client b, std::string name) : ann(std::move(a)), bob(std::move(b)), channel(std::move(name)) {}
    Talk(const Talk&) = delete;
    Talk& operator=(const Talk&) = delete;
  };
  static Client at_agent(const std::string& name) {
    const auto address = mesh().host(name).await_ready().address_of("agent");
    std::optional<Client> client;
    wait_until([&] {
      auto ticket = mesh().ticket();
      if (ticket.agent == address) {
        client.emplace(enter(ticket));
      } else {
        crowd().push_back(enter(ticket));  // so that the other one is the least loaded
      }
      return client.has_value();
    });
    if (!client) throw std::runtime_error("no way into " + name);
    return std::move(*client);
  }
  static std::vector<Client>& crowd() {
    static std::vector<Client> clients;
    return clients;
  }
  static Talk talk() {
    Client ann = at_agent("agent"), bob = at_agent("agent2");
    const std::string channel = fresh("two");
    EXPECT_EQ(join(ann, channel).result(), proto::NoError);
    EXPECT_EQ(join(bob, channel).members(), 2U);
    return {std::move(ann), std::move(bob), channel};
  }

 private:
  static Deployment* running_;
};
Deployment* TwoSocials::running_ = nullptr;

TEST_F(TwoSocials, LeaderIsKilledAndComesBackAndMembersHearAllOfIt) {
  auto t = talk();
  const std::string first = leader();
  for (int n = 0; n < 20; ++n) t.say("before " + std::to_string(n));
  mesh().host(first).kill9();
  for (int n = 0; n < 20; ++n) t.say("without it " + std::to_string(n));
  EXPECT_EQ(leader(), other(first));
  EXPECT_THAT(who(t.ann, t.channel), Contains(t.bobs_uid));
  come_back(first);
  for (int n = 0; n < 20; ++n) t.say("it is back " + std::to_string(n));
  EXPECT_EQ(leader(), other(first)) << "it leads until it ends";
}

TEST_F(TwoSocials, LeaderIsStoppedAndHandsOver) {
  auto t = talk();
  const std::string first = leader();
  t.say("before");
  mesh().host(first).begin_stop();
  for (int n = 0; n < 20; ++n) t.say("it ends " + std::to_string(n));
  EXPECT_EQ(mesh().host(first).stop(), 0);
  t.say("it is gone");
  EXPECT_EQ(leader(), other(first));
}

TEST_F(TwoSocials, LeaderThatHangsIsReplacedAndFollowsWhenItGoesOn) {
  auto t = talk();
  const std::string first = leader();
  t.say("before");
  mesh().host(first).process().signal(SIGSTOP);
  for (int n = 0; n < 20; ++n) t.say("it hangs " + std::to_string(n));
  mesh().host(first).process().signal(SIGCONT);
  for (int n = 0; n < 20; ++n) t.say("it goes on " + std::to_string(n));
  EXPECT_TRUE(wait_until([&] { return leader() == other(first); }));
}

TEST_F(TwoSocials, FollowerIsKilledAndNobodyNoticesThat) {
  auto t = talk();
  const std::string first = leader();
  t.say("before");
  mesh().host(other(first)).kill9();
  for (int n = 0; n < 20; ++n) t.say("alone " + std::to_string(n));
  EXPECT_EQ(leader(), first);
}

TEST_F(TwoSocials, ReloadsChangeNothing) {
  auto t = talk();
  const std::string first = leader();
  int count = 0;
  for (const std::string& name : {first, other(first), first}) {
    EXPECT_EQ(mesh().host(name).ctl({"reload", "social"}).code, 0);
    for (int n = 0; n < 5; ++n) t.say("reloaded " + name + ", line " + std::to_string(++count));
  }
  EXPECT_EQ(leader(), first);
}

TEST_F(TwoSocials, WithoutTheDataServiceTheOtherOneTakesOverToo) {
  auto t = talk();
  const std::string first = leader();
  t.say("before");
  mesh().host("data").kill9();
  t.say("without data");
  mesh().host(first).kill9();
  for (int n = 0; n < 5; ++n) t.say("without both " + std::to_string(n));
  mesh().host("data").start();
  mesh().host("data").await_ready();
  come_back(first);
  t.say("all is back");
}

}  // namespace
}  // namespace cm::test
