#include "base/peer_timeout.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <limits>

namespace cm::base {
namespace {

constexpr std::chrono::seconds kShortest{4};
constexpr std::chrono::seconds kLongest{24 * 3600};  // the kernel takes 32,767 s of silence at most

// A socket that does not take an option is not of TCP, or is broken, which its next use tells.
void set(int socket, int level, int option, std::chrono::milliseconds::rep value) {
  const int number = static_cast<int>(std::min<decltype(value)>(value, std::numeric_limits<int>::max()));
  (void)::setsockopt(socket, level, option, &number, sizeof number);
}

}  // namespace

void set_peer_timeout(int socket, std::chrono::seconds timeout) {
  if (timeout.count() == 0) {
    set(socket, SOL_SOCKET, SO_KEEPALIVE, 0);
    set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, 0);
    return;
  }
  timeout = std::clamp(timeout, kShortest, kLongest);
  // Probes after half of the time and three quarters of it; the last quarter is for the answer.
  constexpr std::chrono::milliseconds::rep kMaxIdle = 32'767;
  set(socket, IPPROTO_TCP, TCP_KEEPIDLE, std::min(timeout.count() / 2, kMaxIdle));
  set(socket, IPPROTO_TCP, TCP_KEEPINTVL, std::min(timeout.count() / 4, kMaxIdle));
  set(socket, IPPROTO_TCP, TCP_KEEPCNT, 2);
  set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, std::chrono::milliseconds(timeout).count());
  set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
}

}  // namespace cm::base
