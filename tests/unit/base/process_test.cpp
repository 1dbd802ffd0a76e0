#include "base/process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

#include "base/child_process.hpp"

namespace cm::base {
namespace {

TEST(PrepareProcess, IgnoresSignalsOfReadersThatAreGone) {
  prepare_process();
  EXPECT_EQ(std::signal(SIGPIPE, SIG_IGN), SIG_IGN);
  EXPECT_EQ(std::signal(SIGXFSZ, SIG_IGN), SIG_IGN);
}

TEST(PrepareProcess, OpensStandardDescriptorsThatAreClosed) {
  ChildSpec spec;
  spec.body = [] {
    ::close(0);
    ::close(2);
    prepare_process();
    const bool there = ::fcntl(0, F_GETFD) >= 0 && ::fcntl(2, F_GETFD) >= 0 && ::write(2, "lost", 4) == 4;
    ::_exit(there ? 0 : 1);
  };
  const auto end = run_child(spec);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->exit_code, 0);
}

TEST(ChildProcess, HasTheSignalsThatAProgramExpects) {
  prepare_process();
  const auto before = std::signal(SIGHUP, SIG_IGN);
  for (const char* signal : {"PIPE", "HUP", "XFSZ"}) {
    ChildSpec spec;
    spec.argv = {"/bin/sh", "-c", std::string("kill -") + signal + " $$; echo alive"};
    const auto end = run_child(spec);
    ASSERT_TRUE(end);
    EXPECT_EQ(end->output, "") << signal << " does not end it";
    EXPECT_NE(end->signal, 0);
  }
  std::signal(SIGHUP, before);
}

}  // namespace
}  // namespace cm::base
