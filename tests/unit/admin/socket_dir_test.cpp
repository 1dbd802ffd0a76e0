#include "admin/socket_dir.hpp"

#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <optional>

#include <gmock/gmock.h>

#include "raw_client.hpp"

namespace cm::admin {
namespace {

using test::TempDir;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A bound socket; it listens as a host's does, or does not, as one whose host died.
class BoundSocket {
 public:
  BoundSocket(const std::string& path, bool listens) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_un address = test::unix_address(path);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    if (listens) {
      EXPECT_EQ(::listen(fd_, 1), 0);
    }
  }
  ~BoundSocket() { ::close(fd_); }
  BoundSocket(const BoundSocket&) = delete;
  BoundSocket& operator=(const BoundSocket&) = delete;

 private:
  const int fd_;
};

std::string dead_pid() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  return std::to_string(child);
}

TEST(SocketDir, LivingHostsAreFoundInOrder) {
  const TempDir a;
  const BoundSocket two(a.file("2.sock"), true);
  const BoundSocket one(a.file("1.sock"), true);
  std::ofstream(a.file("3.sock")) << "no socket";
  std::ofstream(a.file("notes.txt")) << "nor this";
  EXPECT_THAT(live_sockets({a.path(), a.file("no-such-dir")}), ElementsAre(a.file("1.sock"), a.file("2.sock")));
}

TEST(SocketDir, ADeadHostsSocketIsCleanedAway) {
  const TempDir dir;
  const std::string path = dir.file(dead_pid() + ".sock");
  { const BoundSocket dead(path, false); }
  EXPECT_THAT(live_sockets({dir.path()}), IsEmpty());
  EXPECT_EQ(probe_socket(path), Probe::absent);
}

TEST(SocketDir, AHostThatHasNotYetBegunToListenKeepsItsSocket) {
  const TempDir dir;
  const std::string path = dir.file(std::to_string(::getpid()) + ".sock");
  const BoundSocket starting(path, false);
  EXPECT_THAT(live_sockets({dir.path()}), IsEmpty());
  EXPECT_EQ(probe_socket(path), Probe::dead);
}

TEST(SocketDir, ASocketOfAnotherNameIsNeverRemoved) {
  const TempDir dir;
  { const BoundSocket dead(dir.file("mine.sock"), false); }
  EXPECT_THAT(live_sockets({dir.path()}), IsEmpty());
  EXPECT_EQ(probe_socket(dir.file("mine.sock")), Probe::dead);
}

TEST(SocketDir, ThePrivateDirectoryIsMadeClosed) {
  const TempDir dir;
  ASSERT_TRUE(make_private_dir(dir.file("new")).has_value());
  struct stat info {};
  ASSERT_EQ(::stat(dir.file("new").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  EXPECT_TRUE(make_private_dir(dir.file("new")).has_value());
}

TEST(SocketDir, ADirectoryThatOthersMayEnterIsRefused) {
  const TempDir dir;
  ASSERT_EQ(::mkdir(dir.file("open").c_str(), 0700), 0);
  ASSERT_EQ(::chmod(dir.file("open").c_str(), 0755), 0);
  EXPECT_THAT(make_private_dir(dir.file("open")).error().text, HasSubstr("chmod 700"));
}

TEST(SocketDir, ALinkOrAFileInTheDirectorysPlaceIsRefused) {
  const TempDir dir;
  ASSERT_EQ(::symlink("/tmp", dir.file("link").c_str()), 0);
  EXPECT_THAT(make_private_dir(dir.file("link")).error().text, HasSubstr("is no directory"));
  EXPECT_THAT(make_private_dir(dir.file("no/parent")).error().text, HasSubstr("--admin-socket"));
}

TEST(SocketDir, TheUsersRuntimeDirectoryIsPreferred) {
  const TempDir dir;
  const char* before = std::getenv("XDG_RUNTIME_DIR");
  const std::optional<std::string> saved = before != nullptr ? std::optional<std::string>(before) : std::nullopt;
  const std::string fallback = "/tmp/cellmesh-" + std::to_string(::geteuid());
  ::setenv("XDG_RUNTIME_DIR", dir.path().c_str(), 1);
  EXPECT_THAT(socket_dirs(), ElementsAre(dir.file("cellmesh"), fallback));
  EXPECT_EQ(default_socket_path(), dir.file("cellmesh/" + std::to_string(::getpid()) + ".sock"));
  ::setenv("XDG_RUNTIME_DIR", dir.file("gone").c_str(), 1);
  EXPECT_THAT(socket_dirs(), ElementsAre(fallback));
  if (saved) {
    ::setenv("XDG_RUNTIME_DIR", saved->c_str(), 1);
  } else {
    ::unsetenv("XDG_RUNTIME_DIR");
  }
}

}  // namespace
}  // namespace cm::admin
