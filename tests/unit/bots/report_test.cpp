#include "bots/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace cm::bots {
namespace {

using testing::HasSubstr;
using testing::Not;

Report some_report() {
  Report r;
  r.robots = 2;
  r.seconds = 3;
  r.checks = {{"no line is heard twice", {.held = 5}}};
  Histogram h;
  h.add(1'500);
  r.series = {{"ping", h}};
  r.errors_by_kind = {{"login: timeout", {.count = 4, .example = "</script><b>x"}}};
  r.samples = {{.at = 1, .seconds = 1, .online = 2, .latencies = {{"ping", {1, 1'500, 1'500, 1'500}}}}};
  judge(r);
  return r;
}

TEST(Report, PassesWhenEveryCheckHeld) { EXPECT_TRUE(some_report().passed); }

TEST(Report, FailsWithOneCheckThatDidNotAndNamesIt) {
  Report r = some_report();
  r.checks.push_back({"coins add up", {.held = 1'000'000, .failed = 1, .examples = {"bot1-7: 3 and not 4"}}});
  judge(r);
  EXPECT_FALSE(r.passed);
  EXPECT_THAT(r.headline, HasSubstr("coins add up"));
  EXPECT_THAT(r.headline, Not(HasSubstr("twice")));
  EXPECT_THAT(to_text(r), HasSubstr("bot1-7: 3 and not 4"));
  EXPECT_THAT(to_text(r), HasSubstr("verdict: fail"));
}

TEST(Report, FailsWithoutRobots) {
  Report r = some_report();
  r.robots = 0;
  judge(r);
  EXPECT_FALSE(r.passed);
}

TEST(Report, ThePageHoldsTheFiguresAndNoForeignMarkup) {
  const std::string page = to_html(some_report());
  EXPECT_THAT(page, Not(HasSubstr("</script><b>"))) << "a text of the run ends the script";
  EXPECT_THAT(page, Not(testing::ContainsRegex("(src|href)="))) << "it needs no other file";
  const std::string begin = "type=\"application/json\">";
  const auto from = page.find(begin) + begin.size();
  const auto data = boost::json::parse(page.substr(from, page.find("</script>", from) - from));
  EXPECT_EQ(data.at("verdict").as_string(), "pass");
  EXPECT_EQ(data.at("errors_by_kind").at("login: timeout").at("example").as_string(), "</script><b>x");
  EXPECT_EQ(data.at("histograms").at("ping").at(0).at(1).as_int64(), 1);
}

TEST(Report, TimesAreInTheUnitThatReadsBest) {
  EXPECT_EQ(format_us(950), "950 µs");
  EXPECT_EQ(format_us(1'500), "1.50 ms");
  EXPECT_EQ(format_us(48'300), "48.3 ms");
  EXPECT_EQ(format_us(2'340'000), "2.34 s");
}

TEST(Stats, ALongRunKeepsABoundedNumberOfSamples) {
  Stats stats;
  for (int i = 1; i <= 10'000; ++i) {
    ++stats.sent;
    stats.sample(i, 1);
  }
  EXPECT_LT(stats.samples().size(), 1'300U);
  std::uint64_t sent = 0;
  for (const auto& sample : stats.samples()) sent += sample.sent;
  EXPECT_EQ(sent, 10'000U) << "none is lost";
}

TEST(Stats, KindsOfErrorsAreBounded) {
  Stats stats;
  for (int i = 0; i < 1'000; ++i) stats.error("kind " + std::to_string(i), "x");
  EXPECT_LE(stats.errors_by_kind().size(), 65U);
  EXPECT_EQ(stats.errors, 1'000U);
}

}  // namespace
}  // namespace cm::bots
