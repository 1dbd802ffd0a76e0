#include "net/http_answer.hpp"

#include <gmock/gmock.h>

namespace cm::net {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(HttpAnswer, AnErrorSaysWhyAndEndsTheConnection) {
  const auto text = http_answer(false, 405, "Only GET.", "Allow: GET\r\n");
  EXPECT_THAT(text, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nAllow: GET\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nContent-Length: 10\r\n"));
  EXPECT_THAT(text, EndsWith("\r\n\r\nOnly GET.\n"));
}

TEST(HttpAnswer, APageIsServedWholeWithWhatKeepsItInItsPlace) {
  const Page page{"text/html; charset=utf-8", "<p>hello</p>"};
  const auto text = http_page(false, page);
  EXPECT_THAT(text, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nContent-Type: text/html; charset=utf-8\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nContent-Length: 12\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nX-Content-Type-Options: nosniff\r\n"));
  EXPECT_THAT(text, HasSubstr("frame-ancestors 'none'"));
  EXPECT_THAT(text, EndsWith("\r\n\r\n<p>hello</p>"));
}

TEST(HttpAnswer, FieldsAloneEndBeforeThePage) {
  const auto text = http_page(true, {"text/html", "<p>hello</p>"});
  EXPECT_THAT(text, HasSubstr("\r\nContent-Length: 12\r\n"));
  EXPECT_THAT(text, EndsWith("\r\n\r\n"));
  EXPECT_THAT(text, Not(HasSubstr("hello")));
}

TEST(HttpAnswer, AnErrorToHeadHasNoBody) {
  const auto text = http_answer(true, 404, "Nothing.");
  EXPECT_THAT(text, HasSubstr("\r\nContent-Length: 9\r\n"));
  EXPECT_THAT(text, EndsWith("\r\n\r\n"));
}

TEST(HttpAnswer, HealthIsOkOrWhatIsWrong) {
  EXPECT_THAT(http_health(false, ""), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(http_health(false, ""), EndsWith("\r\nContent-Length: 2\r\nX-Content-Type-Options: nosniff\r\n"
                                               "Cache-Control: no-store\r\n\r\nok"));
  EXPECT_THAT(http_health(true, ""), EndsWith("\r\n\r\n"));
  EXPECT_THAT(http_health(false, "going down"), StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_THAT(http_health(false, "going down"), EndsWith("\r\n\r\ngoing down"));
}

}  // namespace
}  // namespace cm::net
