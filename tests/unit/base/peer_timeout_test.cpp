#include "base/peer_timeout.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <limits>

namespace cm::base {
namespace {

using std::chrono::seconds;

int option(int socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(socket, level, name, &value, &size), 0);
  return value;
}

class PeerTimeout : public testing::Test {
 protected:
  void SetUp() override {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    near_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    ASSERT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    ASSERT_EQ(::listen(listener_, 1), 0);
    ASSERT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    address_ = at;
  }
  void TearDown() override {
    for (const int fd : {listener_, near_, far_}) ::close(fd);
  }
  int accepted() {
    EXPECT_EQ(::connect(near_, reinterpret_cast<const sockaddr*>(&address_), sizeof address_), 0);
    return far_ = ::accept(listener_, nullptr, nullptr);
  }

  int listener_ = -1;
  int near_ = -1;
  int far_ = -1;
  sockaddr_in address_{};
};

TEST_F(PeerTimeout, IsInheritedByAcceptedConnections) {
  set_peer_timeout(listener_, seconds(20));
  const int fd = accepted();
  EXPECT_EQ(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 10);
  EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 5);
  EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 20'000);
}

TEST_F(PeerTimeout, CanBeTurnedOffAgain) {
  set_peer_timeout(near_, seconds(20));
  set_peer_timeout(near_, seconds(0));
  EXPECT_EQ(option(near_, SOL_SOCKET, SO_KEEPALIVE), 0);
  EXPECT_EQ(option(near_, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
}

TEST_F(PeerTimeout, TakesAnyTime) {
  set_peer_timeout(near_, seconds(1));
  EXPECT_EQ(option(near_, IPPROTO_TCP, TCP_USER_TIMEOUT), 4'000);
  EXPECT_EQ(option(near_, IPPROTO_TCP, TCP_KEEPINTVL), 1);
  set_peer_timeout(near_, seconds(std::numeric_limits<int>::max()));
  EXPECT_EQ(option(near_, IPPROTO_TCP, TCP_USER_TIMEOUT), 86'400'000);
  EXPECT_EQ(option(near_, IPPROTO_TCP, TCP_KEEPIDLE), 32'767);
}

}  // namespace
}  // namespace cm::base
