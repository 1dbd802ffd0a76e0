// bench_echo: the plainest echo server there is, one thread and epoll. Prints the port that it listens on; ends with
// its standard input.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <unordered_map>

namespace {

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

void watch(int poller, int op, int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (::epoll_ctl(poller, op, fd, &event) != 0) fail("epoll_ctl");
}

int listen_on_any_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd, 4096) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    fail("listen");
  }
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return fd;
}

}  // namespace

int main() {
  const int listener = listen_on_any_port();
  const int poller = ::epoll_create1(0);
  watch(poller, EPOLL_CTL_ADD, listener, EPOLLIN);
  watch(poller, EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN);
  std::unordered_map<int, std::string> unsent;
  std::array<char, 65536> chunk{};
  std::array<epoll_event, 256> events{};

  const auto drop = [&](int fd) {
    ::close(fd);
    unsent.erase(fd);
  };
  // Sends what fits; the rest waits for the socket.
  const auto put = [&](int fd, const char* data, std::size_t size) {
    const ssize_t n = ::send(fd, data, size, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) return drop(fd);
    const auto done = n < 0 ? 0 : static_cast<std::size_t>(n);
    if (done == size) return;
    unsent[fd].assign(data + done, size - done);
    watch(poller, EPOLL_CTL_MOD, fd, EPOLLOUT);
  };

  for (;;) {
    const int count = ::epoll_wait(poller, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      const int fd = event.data.fd;
      if (fd == STDIN_FILENO) return 0;
      if (fd == listener) {
        for (int client = 0; (client = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
          const int on = 1;
          ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
          watch(poller, EPOLL_CTL_ADD, client, EPOLLIN);
        }
        continue;
      }
      if (const auto rest = unsent.find(fd); rest != unsent.end()) {
        const std::string data = std::move(rest->second);
        unsent.erase(rest);
        watch(poller, EPOLL_CTL_MOD, fd, EPOLLIN);
        put(fd, data.data(), data.size());
        continue;
      }
      const ssize_t n = ::recv(fd, chunk.data(), chunk.size(), 0);
      if (n > 0) {
        put(fd, chunk.data(), static_cast<std::size_t>(n));
      } else if (n == 0 || errno != EAGAIN) {
        drop(fd);
      }
    }
  }
}
