// A host's log and audit file, and what else its starter and its operator do to it: readers that die, descriptors that
// are closed, rotation, a full disk, signals.
#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>

#include "game.pb.h"
#include "support/file_limit.hpp"
#include "support/host.hpp"
#include "support/player.hpp"
#include "support/temp_dir.hpp"

namespace cm::test {
namespace {

namespace fs = std::filesystem;

// All plugins, on any free ports.
const std::vector<std::string> kDev{"--dev", "--set", "login/port=0; login/ws_port=0"};

std::vector<std::string> dev(std::vector<std::string> more) {
  more.insert(more.begin(), kDev.begin(), kDev.end());
  return more;
}

// A host behind a shell that redirects its standard descriptors, `$@` being the host.
class Redirected {
 public:
  explicit Redirected(const std::string& script) {
    std::vector<std::string> command{"/bin/bash", "-c", script, "bash", program().string(), "host"};
    const std::vector<std::string> arguments =
        dev({"--plugin-dir", shipped_plugins().string(), "--admin-socket", (folder_ / "admin.sock").string(),
             "--ready-file", (folder_ / "ready.json").string()});
    command.insert(command.end(), arguments.begin(), arguments.end());
    process_ = std::make_unique<Process>(
        ProcessOptions{.command = std::move(command),
                       .env = {{"CELLMESH_DATABASE", "sqlite:" + (folder_ / "data.db").string()}},
                       .folder = {},
                       .log = {}});
    wait_until([&] { return fs::exists(folder_ / "ready.json") || !process_->running(); }, seconds(60));
  }
  ~Redirected() {
    process_->terminate();
    EXPECT_EQ(process_->wait(), 0);
  }

  void set(const std::string& setting, const std::string& value) {
    const auto done = run({.command = {program().string(), "ctl", "--admin-socket", (folder_ / "admin.sock").string(),
                                       "settings", "set", setting, value},
                           .env = {},
                           .folder = {},
                           .log = {}});
    EXPECT_TRUE(done && done->code == 0) << (done ? done->output : "no end");
  }
  void expect_service() {
    const auto ready = ReadyFile::read(folder_ / "ready.json");
    ASSERT_TRUE(ready);
    auto player = enter(ready->address_of("login"));
    chat(player, "still there?");
  }
  Process& process() { return *process_; }

 private:
  TempDir folder_;
  std::unique_ptr<Process> process_;
};

TEST(LogReader, MayDieWithoutTheHost) {
  Redirected host("exec \"$@\" 2> >(exec head -n 1 >/dev/null) >&2");
  for (int i = 0; i < 3; ++i) host.set("agent/heartbeat_sec", std::to_string(20 + i));
  host.expect_service();
}

TEST(LogReader, MayStopReadingWithoutTheHost) {
  // It is asked to say far more than a pipe holds.
  Redirected host("exec \"$@\" --log-level trace 2> >(read -r line; exec sleep 600) >&2");
  for (int i = 0; i < 3; ++i) host.set("agent/heartbeat_sec", std::to_string(20 + i));
  host.expect_service();
}

TEST(StandardDescriptors, ThatAreClosedBecomeDevNull) {
  Redirected host("exec \"$@\" 0<&- 1>&- 2>&-");
  for (const int fd : {0, 1, 2}) {
    const auto path = "/proc/" + std::to_string(host.process().pid()) + "/fd/" + std::to_string(fd);
    EXPECT_EQ(fs::read_symlink(path), "/dev/null") << fd;
  }
  host.expect_service();
}

class Files : public testing::Test {
 protected:
  std::unique_ptr<Host> host(std::vector<std::string> more) {
    more.insert(more.end(), {"--log-file", log.string()});
    Host::Options options;
    options.folder = folder / "host";
    options.arguments = dev(std::move(more));
    auto made = std::make_unique<Host>(std::move(options));
    made->await_ready();
    return made;
  }
  static bool has(const fs::path& file, const std::string& text) {
    return read_file(file).find(text) != std::string::npos;
  }
  static bool waits_for(const fs::path& file, const std::string& text) {
    return wait_until([&] { return has(file, text); }, seconds(30));
  }
  // Makes the host log this.
  static std::string change(Host& of, int value) {
    (void)of.query({"settings", "set", "agent/heartbeat_sec", std::to_string(value)});
    return "setting=heartbeat_sec value=" + std::to_string(value);
  }
  static void buy(Host& of) {
    auto player = enter(of.await_ready().address_of("login"));
    proto::LevelUpREQ req;
    req.set_request_id("r 1");
    player.send(req);
    player.expect<proto::LevelUpACK>();
  }

  TempDir folder;
  const fs::path log = folder / "host.log";
  const fs::path audit = folder / "audit.log";
};

TEST_F(Files, AreReopenedAfterARenameAndGoOnAfterATruncation) {
  const auto h = host({"--audit-file", audit.string()});
  buy(*h);
  EXPECT_TRUE(waits_for(audit, "what=price amount=-100 "));
  EXPECT_TRUE(has(audit, " request_id=r%201 "));
  EXPECT_FALSE(has(log, " audit "));
  for (const int signal : {SIGHUP, SIGUSR1}) {
    fs::rename(log, log.string() + ".1");
    fs::rename(audit, audit.string() + ".1");
    EXPECT_TRUE(waits_for(log.string() + ".1", change(*h, 10 + signal)));
    h->process().signal(signal);
    EXPECT_TRUE(wait_until([&] { return fs::exists(audit); }, seconds(30)));
    EXPECT_TRUE(waits_for(log, "logs reopened"));
    EXPECT_TRUE(waits_for(log, change(*h, 30 + signal)));
    EXPECT_FALSE(has(log.string() + ".1", "value=" + std::to_string(30 + signal)));
  }
  buy(*h);
  EXPECT_TRUE(waits_for(audit, "what=price amount=-100 "));
  fs::resize_file(log, 0);  // copytruncate
  EXPECT_TRUE(waits_for(log, change(*h, 99)));
  EXPECT_EQ(read_file(log).find('\0'), std::string::npos) << "written at the old offset";
}

TEST_F(Files, GetEveryAuditRecordWhateverTheLogLevelIs) {
  const auto h = host({"--log-level", "off"});
  change(*h, 11);
  buy(*h);
  EXPECT_TRUE(waits_for(log, " info service audit uid="));
  EXPECT_FALSE(has(log, "value=11"));
}

TEST_F(Files, GetWhatWasLoggedWhileTheDiskWasFull) {
  const auto h = host({"--audit-file", audit.string()});
  std::string last;
  {
    const FileLimit full(1, h->process().pid());
    for (int i = 0; i < 5; ++i) last = change(*h, 20 + i);
    EXPECT_TRUE(h->wait_for_log("cannot write the log file"));
    EXPECT_FALSE(has(log, last));
  }
  EXPECT_TRUE(waits_for(log, last)) << "by itself";
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(has(log, "value=" + std::to_string(20 + i)));
  EXPECT_TRUE(waits_for(log, change(*h, 40)));
}

TEST_F(Files, SignalsThatAreNotForAStopDoNotEndTheHost) {
  const auto h = host({});
  for (const int signal : {SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGHUP}) h->process().signal(signal);
  EXPECT_TRUE(waits_for(log, "signal=SIGUSR2"));
  EXPECT_TRUE(waits_for(log, change(*h, 12)));
  EXPECT_EQ(h->stop(), 0);
}

TEST_F(Files, ThatCannotBeOpenedAreRefusedAtTheStart) {
  fs::create_directory(folder / "dir");
  for (const char* flag : {"--log-file", "--audit-file"}) {
    const auto end = run({.command = {program().string(), "host", "--dev", flag, (folder / "none/x").string()},
                          .env = {},
                          .folder = {},
                          .log = {}});
    ASSERT_TRUE(end);
    EXPECT_NE(end->code, 0);
    EXPECT_THAT(end->output, testing::HasSubstr(flag));
  }
}

}  // namespace
}  // namespace cm::test
