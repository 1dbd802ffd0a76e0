// `cellmesh bots` by every transport.
#include <gtest/gtest.h>

#include "e2e/fixture.hpp"
#include "support/bots.hpp"
#include "support/certificate.hpp"
#include "support/deployment.hpp"

namespace cm::test {
namespace {

class Roads : public OnEveryWay {};

TEST_P(Roads, LifeIsTheSame) {
  std::vector<std::string> words{
      "--scenario", "life",
      "--count",    "20",
      "--ramp",     "100/s",
      "--duration", "2s",
      "--set",      "ping_ms=300,world_per_sec=20,level_ms=500,channel_ms=500,private_ms=500,cut_ms=300",
      "--database", "sqlite:" + (mesh().folder() / "data.db").string()};
  if (transport() == "tls" || transport() == "wss") {
    words.insert(words.end(), {"--ca", (mesh().folder() / "cert.pem").string()});
  }
  const auto finished = bots(login_url(), words);
  ASSERT_EQ(finished.code, 0) << finished.output;
  const auto report = json::parse(finished.output);
  EXPECT_EQ(check(report, "every robot got in", "held"), 20);
  EXPECT_GT(check(report, kHeard, "held"), 0) << finished.output;
  EXPECT_EQ(check(report, kStored, "held"), 20);
  EXPECT_GT(report.at("counters").at("cuts").to_number<int>(), 0);
}
INSTANTIATE_TEST_SUITE_P(Bots, Roads,
                         testing::Values(Way{Shape::embedded, "tls"}, Way{Shape::embedded, "ws"},
                                         Way{Shape::embedded, "wss"}),
                         testing::PrintToStringParamName());

// The only kind of error of a run in which nobody gets in, and its text.
std::string refusal(const std::string& url, std::vector<std::string> words, const std::string& kind) {
  words.insert(words.end(), {"--scenario", "connect", "--count", "2", "--duration", "1s", "--grace", "1s"});
  const auto finished = bots(url, words);
  EXPECT_EQ(finished.code, 1) << finished.output;
  const auto report = json::parse(finished.output);
  EXPECT_EQ(check(report, "every robot got in", "failed"), 2);
  const auto& errors = report.at("errors_by_kind").as_object();
  EXPECT_TRUE(errors.contains(kind)) << finished.output;
  return finished.output;
}

class BotsByTls : public OnEveryWay {};
INSTANTIATE_TEST_SUITE_P(Bots, BotsByTls, testing::Values(Way{Shape::embedded, "tls"}),
                         testing::PrintToStringParamName());

TEST_P(BotsByTls, RefuseAServerThatNobodyHereTrusts) {
  const auto said = refusal(login_url(), {}, "login: connection");
  EXPECT_NE(said.find("certificate is not trusted"), std::string::npos) << said;
}

TEST(BotsByTlsAlone, RefuseOneOfAnotherName) {
  const TempDir folder;
  const auto other = make_certificate(folder.path(), {.name = "play.example.org", .address = "203.0.113.7"});
  Deployment elsewhere(Shape::embedded, {.arguments = {},
                                         .env = {},
                                         .settings = {{"login/transports", "tcp,wss"},
                                                      {"login/tls_certificate", other.certificate.string()},
                                                      {"login/tls_private_key", other.private_key.string()}}});
  const auto said = refusal(elsewhere.url("login", "wss"), {"--ca", other.certificate.string()}, "login: connection");
  EXPECT_NE(said.find("certificate is not for 127.0.0.1"), std::string::npos) << said;
  // The same login, which names no agent by wss.
  const auto no_agent = refusal(elsewhere.url("login", "wss"), {"--insecure"}, "login: no agent by wss");
  EXPECT_NE(no_agent.find("have agent/transports hold wss"), std::string::npos) << no_agent;
}

TEST(BotsByTlsAlone, NeedACaFileThatIsOne) {
  const auto finished = bots("tls://127.0.0.1:1", {"--ca", "/nowhere.pem"});
  EXPECT_EQ(finished.code, 2);
  EXPECT_NE(finished.output.find("--ca: cannot use the CA file /nowhere.pem"), std::string::npos) << finished.output;
}

}  // namespace
}  // namespace cm::test
