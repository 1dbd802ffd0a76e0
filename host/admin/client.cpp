#include "admin/client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "admin/socket_dir.hpp"

namespace cm::admin {
namespace json = boost::json;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t kLongestAnswer = 256U << 20U;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  const int fd_;
};

// False when the deadline came first.
bool wait_for(int fd, short events, Clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd p{fd, events, 0};
    const int rc = ::poll(&p, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (rc > 0) return true;
    if (rc < 0 && errno != EINTR) return false;
  }
}

base::Error cannot_ask(const std::string& path, int error) {
  const std::string cause = std::generic_category().message(error);
  if (error == ENOENT || error == ECONNREFUSED) {
    return base::error("no host listens on " + path + " (" + cause +
                       "); start one with `cellmesh host`, or give the right --admin-socket");
  }
  if (error == EACCES) return base::error(path + " belongs to another user; run this as the user that runs the host");
  return base::error("cannot ask the host on " + path + ": " + cause);
}

base::Error too_late(const std::string& path, std::chrono::milliseconds timeout) {
  return base::error("the host on " + path + " did not answer within " +
                     std::to_string((timeout.count() + 999) / 1000) +
                     " s; it may be stopping, or stuck: look at its log");
}

base::Result<json::value> read_answer(std::string_view line, const std::string& path) {
  json::error_code ec;
  json::value value = json::parse({line.data(), line.size()}, ec);
  const json::object* answer = ec ? nullptr : value.if_object();
  const json::value* ok = answer != nullptr ? answer->if_contains("ok") : nullptr;
  if (ok == nullptr || !ok->is_bool()) return base::error("what answered on " + path + " is no cellmesh host");
  if (ok->get_bool()) return answer->contains("result") ? answer->at("result") : json::value(nullptr);
  const json::value* text = answer->if_contains("error");
  return base::error(text != nullptr && text->is_string() ? std::string(text->get_string())
                                                          : "the host refused, and gave no reason");
}

}  // namespace

base::Result<json::value> ask(const std::string& path, std::string_view command, const json::object& args,
                              std::chrono::milliseconds timeout) {
  if (auto checked = check_socket_path(path); checked.has_error()) return checked.error();
  const auto deadline = Clock::now() + timeout;
  const Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return cannot_ask(path, errno);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return cannot_ask(path, errno);

  const std::string request = json::serialize(json::object{{"command", command}, {"args", args}}) + "\n";
  for (std::size_t sent = 0; sent < request.size();) {
    if (!wait_for(fd.get(), POLLOUT, deadline)) return too_late(path, timeout);
    const ssize_t n = ::send(fd.get(), request.data() + sent, request.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    // A host that refuses the connection has said why already: read that.
    if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) break;
    if (n < 0 && errno != EAGAIN && errno != EINTR) return cannot_ask(path, errno);
    if (n > 0) sent += static_cast<std::size_t>(n);
  }

  std::string answer;
  std::array<char, 65536> chunk;  // NOLINT: filled by recv
  while (true) {
    if (!wait_for(fd.get(), POLLIN, deadline)) return too_late(path, timeout);
    const ssize_t n = ::recv(fd.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n <= 0)
      return base::error("the host on " + path + " closed the connection before it answered; look at its log");
    answer.append(chunk.data(), static_cast<std::size_t>(n));
    if (answer.back() == '\n') return read_answer(answer, path);
    if (answer.size() > kLongestAnswer)
      return base::error("the answer of the host on " + path + " is too long; ask for less");
  }
}

}  // namespace cm::admin
