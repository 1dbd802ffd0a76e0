// A service's settings while the version that declares them changes.
#include "plugin/settings_feed.hpp"

#include <gtest/gtest.h>

#include <future>

#include "discovery/embedded.hpp"
#include "plugin/clock.hpp"

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
    settings_.set(path, value, false, [&](const base::Status& status) { done.set_value(status.has_value()); });
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
  const std::string given = feed.preview(now);
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
  feed.declare(now, feed.preview(now));
  set("alpha/made", "y");
  EXPECT_EQ(next(), discovery::encode_settings(now.fields, {{"stays", "b"}, {"made", "y"}}));
}

}  // namespace
}  // namespace cm::plugin::test
