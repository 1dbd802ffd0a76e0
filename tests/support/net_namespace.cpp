#include "support/net_namespace.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "support/process.hpp"
#include "support/wait.hpp"

namespace cm::test {
namespace {

// Output of a command that must succeed.
void must(std::vector<std::string> command) {
  const auto finished = run({.command = command, .env = {}, .folder = {}, .log = {}}, patience(seconds(30)));
  if (finished && finished->code == 0) return;
  std::string text;
  for (const auto& word : command) text += word + " ";
  throw std::runtime_error(text + "failed: " + (finished ? finished->output : "it takes too long"));
}

class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), path);
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void enter() const {
    if (::setns(fd_, CLONE_NEWNET) != 0) throw std::system_error(errno, std::generic_category(), "setns");
  }

 private:
  const int fd_;
};

}  // namespace

std::string NetNamespace::missing() {
  if (::geteuid() != 0) return "only root may make a network namespace";
  try {
    const NetNamespace probe;
  } catch (const std::exception& e) {
    return e.what();
  }
  return {};
}

NetNamespace::NetNamespace() {
  static int count = 0;
  const auto pid = static_cast<unsigned>(::getpid());
  const unsigned number = pid + static_cast<unsigned>(++count);
  const std::string id = std::to_string(pid) + "x" + std::to_string(count);
  name_ = "cm" + id;
  near_device_ = "cn" + id;
  far_device_ = "cf" + id;
  // Of the block for tests between networks (RFC 2544), /30 each.
  const std::string network =
      "198." + std::to_string(18 + (number >> 14U) % 2) + "." + std::to_string((number >> 6U) % 256) + ".";
  const unsigned base = number % 64 * 4;
  near_address_ = network + std::to_string(base + 1);
  must({"ip", "netns", "add", name_});
  try {
    must({"ip", "link", "add", near_device_, "type", "veth", "peer", "name", far_device_, "netns", name_});
    must({"ip", "address", "add", near_address_ + "/30", "dev", near_device_});
    must({"ip", "-n", name_, "address", "add", network + std::to_string(base + 2) + "/30", "dev", far_device_});
    must({"ip", "link", "set", near_device_, "up"});
    must({"ip", "-n", name_, "link", "set", far_device_, "up"});
  } catch (...) {
    must({"ip", "netns", "del", name_});
    throw;
  }
}

// The cable goes with its far end.
NetNamespace::~NetNamespace() {
  try {
    must({"ip", "-n", name_, "link", "del", far_device_});
    must({"ip", "netns", "del", name_});
  } catch (const std::exception&) {
    // Its sockets may keep it alive for a while; it has no name any more.
  }
}

void NetNamespace::inside(const std::function<void()>& fn) const {
  const Descriptor here("/proc/thread-self/ns/net");
  const Descriptor there("/run/netns/" + name_);
  there.enter();
  try {
    fn();
  } catch (...) {
    here.enter();
    throw;
  }
  here.enter();
}

void NetNamespace::cut() { must({"ip", "-n", name_, "link", "set", far_device_, "down"}); }

}  // namespace cm::test
