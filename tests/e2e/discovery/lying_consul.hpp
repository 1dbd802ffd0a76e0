#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace cm::discovery {

// An HTTP server on loopback that answers what a test wants, one thread a connection. Ends with this object.
class LyingConsul {
 public:
  static constexpr int kStall = -1;   // never answers
  static constexpr int kHangUp = -2;  // closes instead of answering
  struct Request {
    std::string method;
    std::string path;         // without its query
    std::uint64_t index = 0;  // of a blocking query
  };
  struct Reply {
    int status = 200;
    std::string body = {};
    std::string index = "7";  // X-Consul-Index; empty: none
  };
  using Handler = std::function<Reply(const Request&)>;  // called on any thread

  explicit LyingConsul(Handler handler);
  ~LyingConsul();
  LyingConsul(const LyingConsul&) = delete;
  LyingConsul& operator=(const LyingConsul&) = delete;

  [[nodiscard]] std::string url() const;

  // What an honest one says to the probe of its incarnation; nothing to anything else.
  static std::optional<Reply> probe_reply(const Request& request);

 private:
  struct Connection {
    int fd = -1;
    std::thread thread;
  };
  void accept_all();
  void serve(int fd);

  const Handler handler_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread acceptor_;
  std::mutex mutex_;  // guards all below
  bool closing_ = false;
  std::list<Connection> connections_;
};

}  // namespace cm::discovery
