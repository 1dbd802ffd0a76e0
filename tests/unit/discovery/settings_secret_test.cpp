// Settings that are secrets, and settings that are read at start only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <future>

#include "discovery/embedded.hpp"
#include "discovery/settings.hpp"
#include "support/captured_log.hpp"
#include "support/seen.hpp"
#include "support/temp_dir.hpp"

namespace cm::discovery {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kKey = "cellmesh/config/data/database";
constexpr const char* kPassword = "hunter2";

class SecretSettings : public testing::Test {
 protected:
  SecretSettings() { kv_.start(nullptr); }
  ~SecretSettings() override {
    settings_.reset();
    kv_.stop();
  }

  static std::vector<SettingField> fields() {
    SettingField database;
    database.name = "database";
    database.number = 1;
    database.secret = true;
    database.url = true;
    SettingField word;
    word.name = "word";
    word.number = 2;
    word.secret = true;
    SettingField port;
    port.name = "port";
    port.number = 3;
    port.type = SettingType::uint32;
    port.restart = true;
    return {database, word, port};
  }
  void declare(SettingValues overrides = {}) {
    settings_->declare("data", "0@dev", fields(), std::move(overrides), [this](const auto& c) { changes_.push(c); });
  }
  void put(const std::string& key, const std::string& value) {
    std::promise<void> done;
    kv_.put(key, value, [&](const base::Status&) { done.set_value(); });
    done.get_future().wait();
    settle();
  }
  void settle() {
    std::promise<void> ran;
    kv_.post([&] { ran.set_value(); });
    ran.get_future().wait();
  }
  base::Result<Settings::Written> set(const std::string& path, const std::string& value, bool force = false) {
    std::promise<base::Result<Settings::Written>> result;
    settings_->set(path, value, force, [&](const auto& written) { result.set_value(written); });
    return result.get_future().get();
  }
  Settings::Row row(const std::string& name) {
    for (const auto& row : settings_->rows()) {
      if (row.name == name) return row;
    }
    return {};
  }
  std::string write(const std::string& text) {
    const auto path = folder_ / "secret";
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    return "file:" + path.string();
  }

  test::CapturedLog log_{base::Room::discovery};
  test::TempDir folder_;
  test::Seen<Settings::Change> changes_;
  EmbeddedDiscovery kv_;
  std::unique_ptr<Settings> settings_ = std::make_unique<Settings>(kv_);
};

TEST_F(SecretSettings, AreMaskedInRowsLogAndAnswers) {
  put(kKey, "postgresql://ann:hunter2@db/game");
  declare();
  EXPECT_EQ(changes_.wait_for_any()->values.at("database"), "postgresql://ann:hunter2@db/game");
  EXPECT_EQ(row("database").value, "postgresql://ann:***@db/game");
  EXPECT_TRUE(row("database").secret);
  EXPECT_EQ(set("data/database", "postgresql://bob:hunter2@db/game")->value, "postgresql://bob:***@db/game");
  EXPECT_EQ(set("data/word", kPassword)->value, "***");
  settle();
  EXPECT_EQ(row("word").value, "***");
  EXPECT_EQ(log_.count("value=postgresql://bob:***@db/game", spdlog::level::trace), 1U);
  EXPECT_EQ(log_.count(kPassword, spdlog::level::trace), 0U);
}

TEST_F(SecretSettings, AreNotQuotedByARefusal) {
  declare();
  EXPECT_TRUE(changes_.wait_for_any());
  put("cellmesh/config/data/word", "hunter2\nx");
  EXPECT_EQ(row("word").refused, "***");
  EXPECT_THAT(row("word").why, HasSubstr("a line feed"));
  EXPECT_THAT(set("data/word", "hunter2\x01x").error().text,
              testing::AllOf(HasSubstr("\\x01"), Not(HasSubstr(kPassword))));
  EXPECT_EQ(set("other/word", kPassword, true)->value, "***") << "nobody here knows what it is";
  EXPECT_EQ(log_.count(kPassword, spdlog::level::trace), 0U);
}

TEST_F(SecretSettings, ComeFromAFileThatIsReadAgain) {
  put(kKey, write("sqlite:/one\n"));
  declare();
  EXPECT_EQ(changes_.wait_for_any()->values.at("database"), "sqlite:/one");
  EXPECT_THAT(row("database").value, HasSubstr("file:/"));
  (void)write("sqlite:/two");
  settings_->reread_secrets();
  const auto change = changes_.wait_for([](const auto& c) { return c.values.at("database") == "sqlite:/two"; });
  ASSERT_TRUE(change);
  EXPECT_THAT(change->changed, ElementsAre("database"));
  (void)write("sqlite:/three");
  put("cellmesh/config/data/port", "1");
  EXPECT_EQ(settings_->values("data", "0@dev").at("database"), "sqlite:/three") << "and with each change of the KV";
}

TEST_F(SecretSettings, KeepTheirValueWhileTheFileIsGone) {
  put(kKey, write("sqlite:/one"));
  declare();
  EXPECT_TRUE(changes_.wait_for_any());
  std::filesystem::remove(folder_ / "secret");
  for (int i = 0; i < 3; ++i) settings_->reread_secrets();
  settle();
  EXPECT_EQ(settings_->values("data", "0@dev").at("database"), "sqlite:/one");
  EXPECT_EQ(log_.count("No such file"), 1U);
  EXPECT_EQ(changes_.size(), 1U);
}

TEST_F(SecretSettings, HaveNoOtherValueAtTheStart) {
  put(kKey, "file:" + (folder_ / "secret").string());
  declare({{"database", "sqlite:/elsewhere"}});
  const auto first = changes_.wait_for_any();
  EXPECT_EQ(first->values.at("database"), "");
  EXPECT_THAT(first->unusable.at("database"), testing::AllOf(HasSubstr(kKey), HasSubstr("No such file")));
  (void)write("sqlite:/one");
  settings_->reread_secrets();
  const auto then = changes_.wait_for([](const auto& c) { return c.values.at("database") == "sqlite:/one"; });
  ASSERT_TRUE(then);
  EXPECT_THAT(then->unusable, IsEmpty());
}

TEST_F(SecretSettings, ThatAreBadAtTheStartAreNotTheDefault) {
  put(kKey, "sqlite:/a\nb");
  declare();
  EXPECT_THAT(changes_.wait_for_any()->unusable.at("database"), HasSubstr("a line feed"));
}

TEST_F(SecretSettings, ThatAreBadlyOverriddenAreNotTheDefault) {
  declare({{"database", "sqlite:/a\nb"}});
  EXPECT_THAT(changes_.wait_for_any()->unusable.at("database"), HasSubstr("a line feed"));
  settle();
  put("cellmesh/config/data/port", "1");
  EXPECT_THAT(settings_->preview("data", "0@dev", fields(), {{"database", "x\ny"}}).unusable, Not(IsEmpty()));
  EXPECT_EQ(row("database").value, "");
}

TEST_F(SecretSettings, OfTheCommandLineMayBeAReference) {
  declare({{"database", write("sqlite:/one\r\n")}});
  EXPECT_EQ(changes_.wait_for_any()->values.at("database"), "sqlite:/one");
  settle();
  EXPECT_THAT(row("database").value, HasSubstr("file:/"));
  EXPECT_EQ(settings_->values("data", "0@dev").at("database"), "sqlite:/one");
}

using RestartSettings = SecretSettings;

TEST_F(RestartSettings, SayWhatRunsUntilThen) {
  put("cellmesh/config/data/port", "8000");
  declare();
  EXPECT_TRUE(changes_.wait_for_any());
  EXPECT_FALSE(row("port").running);
  const auto written = set("data/port", "9000");
  EXPECT_TRUE(written->restart);
  EXPECT_THAT(written->services, ElementsAre("data#0@dev"));
  EXPECT_THAT(written->differ, ElementsAre("data#0@dev"));
  settle();
  EXPECT_EQ(row("port").value, "9000");
  EXPECT_EQ(row("port").running, "8000");
  declare();  // a reload
  settle();
  EXPECT_EQ(row("port").running, "8000");
  EXPECT_THAT(set("data/port", "8000")->differ, IsEmpty());
  settings_->undeclare("data", "0@dev");
  set("data/port", "9000", true).value();
  declare();
  settle();
  EXPECT_FALSE(row("port").running) << "it was restarted";
}

TEST_F(RestartSettings, OfAnInstanceThatHasItsOwnAreNotChangedByThoseOfAll) {
  put("cellmesh/config/data/0@dev/port", "8000");
  declare();
  EXPECT_TRUE(changes_.wait_for_any());
  EXPECT_THAT(set("data/port", "9000")->services, IsEmpty());
  EXPECT_THAT(set("data/7@far/port", "9000")->services, IsEmpty());
  EXPECT_FALSE(set("data/word", kPassword)->restart);
}

using HostSettings = SecretSettings;

TEST_F(HostSettings, GoByTheNameOfTheHostAndNotByAnIndexThatHostsShare) {
  put("cellmesh/config/host/0@dev/port", "1");
  put("cellmesh/config/host/agent.0@dev/port", "2");
  const std::string service(kHostSettings);
  settings_->declare(
      service, "agent.0@dev", fields(), {}, [this](const auto& c) { changes_.push(c); }, "0@dev");
  EXPECT_EQ(changes_.wait_for_any()->values.at("port"), "2");
  put("cellmesh/config/host/0@dev/port", "3");
  EXPECT_EQ(settings_->values(service, "agent.0@dev").at("port"), "2");
  EXPECT_EQ(log_.count("cellmesh/config/host/0@dev/port is read by the host named 0@dev alone; this one reads "
                       "cellmesh/config/host/agent.0@dev/port",
                       spdlog::level::info),
            1U);
  EXPECT_THAT(set("host/agent.0@dev/port", "4")->services, ElementsAre("host"));
  EXPECT_THAT(set("host/game.0@dev/port", "4")->services, IsEmpty());
  EXPECT_EQ(row("port").instance, "agent.0@dev");
}

TEST(KindSettings, NameKindsOfServiceThatTheHostLinksTo) {
  EmbeddedDiscovery kv;
  kv.start(nullptr);
  test::Seen<int> told;
  {
    Settings settings(kv, [&] { told.push(1); });
    SettingField game;
    game.name = "game_kind";
    game.number = 1;
    game.kind = true;
    game.default_value = "game";
    settings.declare("login", "0@dev", {game}, {}, [](const auto&) {});
    EXPECT_TRUE(told.wait_for_any());
    EXPECT_THAT(settings.kinds(), ElementsAre("game"));
    std::promise<base::Status> set;
    settings.set("login/game_kind", "arena", false,
                 [&](const auto& written) { set.set_value(written ? base::Status() : base::Status(written.error())); });
    EXPECT_TRUE(set.get_future().get());
    EXPECT_TRUE(told.wait_for([&](int) { return settings.kinds().contains("arena"); }, 1));
    for (const char* bad : {"", "a b", "game#0@dev"}) EXPECT_FALSE(game.check(bad)) << bad;
    settings.undeclare("login", "0@dev");
    EXPECT_THAT(settings.kinds(), IsEmpty());
  }
  kv.stop();
}

}  // namespace
}  // namespace cm::discovery
