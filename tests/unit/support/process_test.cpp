#include "support/process.hpp"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <signal.h>

namespace cm::test {
namespace {

ProcessOptions shell(const std::string& script) {
  return {.command = {"sh", "-c", script}, .env = {}, .folder = {}, .log = {}};
}

TEST(TestProcess, ThatASanitizerComplainsOfFailsTheTest) {
  for (const std::string report :
       {"==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x1",
        "==7==ERROR: LeakSanitizer: detected memory leaks", "==7==LeakSanitizer has encountered a fatal error.",
        "WARNING: ThreadSanitizer: data race (pid=7)", "host/a.cpp:1:2: runtime error: signed integer overflow"}) {
    EXPECT_NONFATAL_FAILURE(EXPECT_EQ(Process(shell("echo before; echo '" + report + "' >&2")).wait(), 0), report);
  }
}

TEST(TestProcess, ThatASanitizerComplainsOfAndThatIsKilledFailsTheTest) {
  EXPECT_NONFATAL_FAILURE(
      {
        Process process(shell("echo 'WARNING: ThreadSanitizer: data race'; sleep 60"));
        process.wait_for_output("data race");
        process.kill9();
      },
      "data race");
}

TEST(TestProcess, ThatDiesOfASignalFailsTheTestUnlessItWasSent) {
  EXPECT_NONFATAL_FAILURE(EXPECT_EQ(Process(shell("kill -SEGV $$")).wait(), 128 + SIGSEGV), "signal 11");
  Process process(shell("sleep 60"));
  process.signal(SIGSEGV);
  EXPECT_EQ(process.wait(), 128 + SIGSEGV);
}

TEST(TestProcess, ThatEndsWellIsNoFailure) { EXPECT_EQ(run(shell("echo all is well; exit 3"))->code, 3); }

}  // namespace
}  // namespace cm::test
