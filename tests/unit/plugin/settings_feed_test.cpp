// A service's settings while the version that declares them changes.
#include "plugin/settings_feed.hpp"

#include <gtest/gtest.h>

#include <future>

#include "discovery/embedded.hpp"
#include "plugin/clock.hpp"
#include "support/temp_dir.hpp"

namespace cm::plugin::test {
namespace {

using discovery::SettingField;

SettingField text_field(const std::string& name, std::uint32_t number, const std::string& value) {
  SettingField field;
  field.name = name;
  field.number = number;
  field.default_value = value;
  return field;
}

class SettingsFeedTest : public testing::Test {
 protected:
  SettingsFeedTest() {
    std::promise<void> ready;
    discovery_.start([&] { ready.set_value(); });
    ready.get_future().wait();
  }
  ~SettingsFeedTest() override { discovery_.stop(); }

  static Manifest::Settings declared(std::vector<SettingField> fields) {
    Manifest::Settings settings;
    settings.kind = "alpha";
    settings.fields = std::move(fields);
    return settings;
  }
  void set(const std::string& path, const std::string& value) {
    std::promise<bool> done;
    settings_.set(path, value, false, [&](const auto& written) { done.set_value(written.has_value()); });
    EXPECT_TRUE(done.get_future().get());
  }
  // What the service is told next.
  std::string next() {
    const std::int64_t until = now_ms() + 60'000;
    for (;;) {
      if (auto aside = mailbox_->take_aside(); aside && aside->settings) return *aside->settings;
      if (now_ms() >= until) return "nothing";
      mailbox_->wait_until(until);
    }
  }

  discovery::EmbeddedDiscovery discovery_;
  discovery::Settings settings_{discovery_};
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>(routing::EnvelopeQueue::Limits{});
};

TEST_F(SettingsFeedTest, ChangeThatCameInTheOldWordsBeforeTheSwitchComesAgainInTheNewOnes) {
  const auto before = declared({text_field("gone", 1, "a"), text_field("stays", 2, "b")});
  const auto now = declared({text_field("stays", 2, "b"), text_field("made", 3, "c")});
  SettingsFeed feed(settings_, before, "0@test", {});
  ASSERT_TRUE(feed.first(std::chrono::seconds(60), {}));
  feed.connect(mailbox_);
  const std::string given = feed.preview(now).value();
  set("alpha/gone", "z");
  EXPECT_EQ(next(), discovery::encode_settings(before.fields, {{"gone", "z"}, {"stays", "b"}}));
  feed.declare(now, given);
  EXPECT_EQ(next(), given);
  set("alpha/made", "y");
  EXPECT_EQ(next(), discovery::encode_settings(now.fields, {{"stays", "b"}, {"made", "y"}}));
}

TEST_F(SettingsFeedTest, WhatTheNewVersionHasAlreadyIsNotTold) {
  const auto before = declared({text_field("stays", 2, "b")});
  const auto now = declared({text_field("stays", 2, "b"), text_field("made", 3, "c")});
  SettingsFeed feed(settings_, before, "0@test", {});
  ASSERT_TRUE(feed.first(std::chrono::seconds(60), {}));
  feed.connect(mailbox_);
  feed.declare(now, feed.preview(now).value());
  set("alpha/made", "y");
  EXPECT_EQ(next(), discovery::encode_settings(now.fields, {{"stays", "b"}, {"made", "y"}}));
}

TEST_F(SettingsFeedTest, SecretThatCannotBeReadKeepsAServiceFromStartingAndLeavesARunningOneWhatItHas) {
  cm::test::TempDir folder;
  const std::string path = folder / "secret";
  SettingField field = text_field("secret", 1, "");
  field.secret = true;
  const auto secret = declared({field});
  {
    SettingsFeed first(settings_, secret, "0@test", {{"secret", "file:" + path}});
    const auto values = first.first(std::chrono::seconds(60), {});
    ASSERT_FALSE(values);
    EXPECT_NE(values.error().text.find(path + ": No such file"), std::string::npos) << values.error().text;
  }
  cm::test::write_file(path, "one");
  SettingsFeed feed(settings_, secret, "0@test", {{"secret", "file:" + path}});
  const auto one = discovery::encode_settings(secret.fields, {{"secret", "one"}});
  EXPECT_EQ(feed.first(std::chrono::seconds(60), {}).value(), one);
  feed.connect(mailbox_);
  std::filesystem::remove(path);
  settings_.reread_secrets();
  EXPECT_EQ(feed.preview(secret).value(), one) << "a reload goes on with it";
  feed.declare(secret, one);
  cm::test::write_file(path, "two");
  settings_.reread_secrets();
  EXPECT_EQ(next(), discovery::encode_settings(secret.fields, {{"secret", "two"}}));
}

}  // namespace
}  // namespace cm::plugin::test
