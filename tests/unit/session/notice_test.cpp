#include "session/notice.hpp"

#include <gtest/gtest.h>

#include <string>

#include "support/notice_reader.hpp"

namespace cm::session {
namespace {

test::NoticeRead coded(const Notice& notice) {
  NoticeBody body;
  const auto bytes = encode_notice(notice, body);
  const auto read = test::read_notice({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  EXPECT_TRUE(read.has_value());
  return read.value_or(test::NoticeRead{});
}

TEST(Notice, IsTheMessageOfTheClientProtocol) {
  NoticeBody body;
  const auto bytes = encode_notice({NoticeCode::message_blocked, 300, "game", "no"}, body);
  const std::string expected("\x08\x64\x10\xAC\x02\x1A\x04game\x22\x02no", 15);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), expected);
}

TEST(Notice, CarriesEveryField) {
  const auto read = coded({notice_code(CloseReason::too_slow), 65'535, "game#0@dev", "slow"});
  EXPECT_EQ(read.code, 4U);
  EXPECT_EQ(read.msg_id, 65'535U);
  EXPECT_EQ(read.service, "game#0@dev");
  EXPECT_EQ(read.text, "slow");
}

TEST(Notice, LongTextIsCutBetweenCharacters) {
  std::string text(1023, 'x');
  text += "\xC3\xA4 and more";
  EXPECT_EQ(coded({NoticeCode::no_service, 0, std::string(5000, 's'), text}).text, std::string(1023, 'x'));
}

TEST(Notice, WhatIsNoUtf8BecomesAQuestionMark) {
  const auto text = [](std::string_view in) { return coded({NoticeCode::no_service, 0, {}, in}).text; };
  EXPECT_EQ(text("a\xFFz"), "a?z");
  EXPECT_EQ(text("\xC3"), "?");
  EXPECT_EQ(text("\xC0\xAF"), "??");
  EXPECT_EQ(text("\xED\xA0\x80"), "???");
  EXPECT_EQ(text("\xF4\x90\x80\x80"), "????");
  EXPECT_EQ(text("gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x90\x98"),
            "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x90\x98");
}

TEST(Notice, EveryReasonThatIsToldHasAText) {
  for (std::size_t i = 0; i < kCloseReasons; ++i) {
    const auto reason = static_cast<CloseReason>(i);
    if (!is_told(reason) || reason == CloseReason::gateway_lost) continue;
    EXPECT_NE(default_text(reason), "") << i;
  }
}

TEST(CloseReason, WhatNoClientCanBeToldWithIsAKick) {
  for (const std::int32_t odd : {-1, 0, 1, 10, 14, 1 << 20}) EXPECT_EQ(close_reason(odd), CloseReason::kicked) << odd;
  for (const std::int32_t told : {2, 7, 8, 9, 12, 13}) EXPECT_EQ(static_cast<int>(close_reason(told)), told);
  EXPECT_EQ(close_reason(11), CloseReason::done);
}

}  // namespace
}  // namespace cm::session
