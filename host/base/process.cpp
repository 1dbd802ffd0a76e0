#include "base/process.hpp"

#include <fcntl.h>

#include <cerrno>
#include <csignal>

namespace cm::base {

void prepare_process() {
  for (int fd = 0; fd <= 2; ++fd) {
    // Lowest first: open() then gives this very descriptor.
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF) (void)::open("/dev/null", O_RDWR);
  }
  (void)std::signal(SIGPIPE, SIG_IGN);
  (void)std::signal(SIGXFSZ, SIG_IGN);
}

}  // namespace cm::base
