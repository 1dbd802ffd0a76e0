#include "base/line_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/audit_stream.hpp"
#include "base/log_output.hpp"
#include "base/process.hpp"
#include "support/file_limit.hpp"
#include "support/temp_dir.hpp"

namespace cm::base {
namespace {

using Put = LineFile::Put;

std::string content(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Lines : public testing::Test {
 protected:
  static void SetUpTestSuite() { prepare_process(); }

  LineFile open(const std::string& name) { return std::move(LineFile::append_to(path(name), 0600).value()); }
  std::string path(const std::string& name) const { return (folder.path() / name).string(); }
  // A log line as spdlog hands it over.
  static spdlog::details::log_msg line(const std::string& text) { return {"base", spdlog::level::info, text}; }
  // The texts of a log, without time and level.
  std::string texts(const std::string& name) {
    std::istringstream in(content(path(name)));
    std::string out;
    for (std::string line; std::getline(in, line);) out += line.substr(line.find(" base ") + 6) + "\n";
    return out;
  }

  test::TempDir folder;
};

TEST_F(Lines, AppendsAfterATruncation) {
  auto file = open("log");
  EXPECT_EQ(file.put("one\n"), Put::written);
  std::filesystem::resize_file(path("log"), 0);
  EXPECT_EQ(file.put("two\n"), Put::written);
  EXPECT_EQ(content(path("log")), "two\n");
}

TEST_F(Lines, ReopensARenamedFile) {
  auto file = open("log");
  EXPECT_EQ(file.put("one\n"), Put::written);
  std::filesystem::rename(path("log"), path("log.1"));
  EXPECT_EQ(file.put("two\n"), Put::written);
  ASSERT_TRUE(file.reopen());
  EXPECT_EQ(file.put("three\n"), Put::written);
  EXPECT_EQ(content(path("log.1")), "one\ntwo\n");
  EXPECT_EQ(content(path("log")), "three\n");
}

TEST_F(Lines, KeepsTheOldFileWhenItCannotReopen) {
  std::filesystem::create_directory(folder.path() / "logs");
  auto file = open("logs/log");
  std::filesystem::rename(folder.path() / "logs", folder.path() / "away");
  EXPECT_FALSE(file.reopen());
  EXPECT_EQ(file.put("one\n"), Put::written);
  EXPECT_EQ(content(path("away/log")), "one\n");
}

TEST_F(Lines, FinishesALineThatTheDiskTookInPart) {
  auto file = open("log");
  {
    const test::FileLimit limit(10);
    EXPECT_EQ(file.put("12345678\n"), Put::written);
    EXPECT_EQ(file.put("abcdefgh\n"), Put::begun);
    EXPECT_EQ(file.put("refused\n"), Put::refused);
    EXPECT_EQ(file.reason(), "File too large");
  }
  EXPECT_EQ(file.put("next\n"), Put::written);
  EXPECT_EQ(content(path("log")), "12345678\nabcdefgh\nnext\n");
}

TEST_F(Lines, WritesALineWholeToTheFileThatItReopens) {
  auto file = open("log");
  {
    const test::FileLimit limit(10);
    EXPECT_EQ(file.put("12345678\n"), Put::written);
    EXPECT_EQ(file.put("abcdefgh\n"), Put::begun);
  }
  std::filesystem::rename(path("log"), path("log.1"));
  ASSERT_TRUE(file.reopen());
  EXPECT_EQ(file.put("next\n"), Put::written);
  EXPECT_EQ(content(path("log")), "abcdefgh\nnext\n");
}

TEST_F(Lines, RefusesWhenAPipesReaderDoesNotReadOrIsGone) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const int reader = ::open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK);
  auto file = open("pipe");
  const std::string text = std::string(999, 'x') + "\n";
  int taken = 0;
  while (file.put(text) == Put::written) ++taken;
  EXPECT_GT(taken, 10);
  EXPECT_EQ(file.reason(), "its reader does not read");
  ::close(reader);
  EXPECT_EQ(file.put(text), Put::refused);
  EXPECT_EQ(file.reason(), "Broken pipe");
}

TEST_F(Lines, RefusesWhenTheDiskIsFull) {
  auto file = std::move(LineFile::append_to("/dev/full", 0600).value());
  EXPECT_EQ(file.put("one\n"), Put::refused);
  EXPECT_EQ(file.reason(), "No space left on device");
}

TEST_F(Lines, LogKeepsWhatItCannotWriteAndCountsTheRest) {
  LogOutput log;
  log.use(open("log"));
  const std::string text(1000, 'x');
  {
    const test::FileLimit limit(2000);
    for (int i = 0; i < 100; ++i) log.log(line(text));
    log.retry();
    EXPECT_LE(content(path("log")).size(), 2000U);
  }
  log.retry();
  const auto kept = content(path("log")).size();
  EXPECT_GT(kept, 60'000U) << "64 KiB are kept";
  EXPECT_LT(kept, 72'000U);
  EXPECT_NE(content(path("log")).find("the log could not be written for 0 s (File too large): lines_lost="),
            std::string::npos);
  log.log(line("after"));
  EXPECT_TRUE(texts("log").ends_with("\nafter\n"));
}

TEST_F(Lines, LogReopensLaterWhatItCannotNow) {
  std::filesystem::create_directory(folder.path() / "logs");
  LogOutput log;
  log.use(open("logs/log"));
  std::filesystem::rename(folder.path() / "logs", folder.path() / "away");
  log.reopen();
  log.log(line("old"));
  EXPECT_NE(content(path("away/log")).find("cannot reopen the log file"), std::string::npos);
  std::filesystem::create_directory(folder.path() / "logs");
  log.retry();
  log.log(line("new"));
  EXPECT_EQ(texts("logs/log"), "new\n");
}

class Audit : public Lines {
 protected:
  Audit() {
    log.use(open("log"));
    audit.use(open("audit"));
  }
  // How often something with this text is in a file.
  std::size_t count(const std::string& name, const std::string& text) const {
    const std::string all = content(path(name));
    std::size_t n = 0;
    for (auto at = all.find(text); at != std::string::npos; at = all.find(text, at + 1)) ++n;
    return n;
  }

  LogOutput log;
  AuditStream audit{log};
};

TEST_F(Audit, WritesRecordsToItsFile) {
  audit.write("audit uid=ann amount=1");
  EXPECT_TRUE(content(path("audit")).ends_with("Z audit uid=ann amount=1\n"));
  EXPECT_EQ(content(path("log")), "");
}

TEST_F(Audit, GoesToTheLogWhileItsFileCannotBeWritten) {
  audit.use(std::move(LineFile::append_to("/dev/full", 0600).value()));
  audit.write("audit n=1");
  audit.write("audit n=2");
  EXPECT_EQ(count("log", "cannot write the audit file /dev/full: No space left on device"), 1U);
  EXPECT_EQ(count("log", " info service audit n="), 2U);
}

TEST_F(Audit, LosesNothingWhileNeitherFileNorLogCanBeWritten) {
  {
    const test::FileLimit limit(1);
    // Standard error too: that of this test is not ours to break.
    const int standard_error = ::dup(STDERR_FILENO);
    const int full = ::open("/dev/full", O_WRONLY);
    ::dup2(full, STDERR_FILENO);
    for (int i = 0; i < 1000; ++i) audit.write("audit n=" + std::to_string(i) + ".");
    ::dup2(standard_error, STDERR_FILENO);
    ::close(full);
    ::close(standard_error);
  }
  log.retry();
  audit.retry();
  for (int i = 0; i < 1000; ++i) {
    const std::string record = "audit n=" + std::to_string(i) + ".\n";
    EXPECT_GE(count("audit", record) + count("log", record), 1U) << record;
  }
  EXPECT_EQ(count("log", "records that went to the log instead: 0"), 1U);
}

TEST_F(Audit, ReopensItsFile) {
  audit.write("audit n=1");
  std::filesystem::rename(path("audit"), path("audit.1"));
  audit.reopen();
  audit.write("audit n=2");
  EXPECT_EQ(count("audit", "n=1"), 0U);
  EXPECT_EQ(count("audit", "n=2"), 1U);
}

}  // namespace
}  // namespace cm::base
