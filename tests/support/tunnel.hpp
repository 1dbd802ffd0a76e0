#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

namespace cm::test {

// A way to a frontend by TLS, WebSocket or both, for a client that speaks the framing of TCP: a socket pair whose far
// end is translated by a thread, with a WebSocket client and rules of its own (it shares nothing with the host's). What
// the host's transport says at its end (a close code) is kept. A certificate is not checked.
class Tunnel {
 public:
  // `tls://host:port`, `ws://host:port/`, `wss://host:port/`. Throws when the handshake fails.
  explicit Tunnel(const std::string& url);
  ~Tunnel();
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  // The near end, which the caller closes.
  [[nodiscard]] int take_fd();
  // The socket that goes to the host.
  [[nodiscard]] int outer_fd() const { return outer_; }
  [[nodiscard]] bool websocket() const { return url_.starts_with("ws"); }
  // Of the WebSocket's close frame that the host sent; 0: none came.
  [[nodiscard]] int close_code() const { return close_code_; }
  // Why it ended, if it was not by a goodbye. Waits for its end, which the near end has seen.
  [[nodiscard]] std::string trouble();
  // Ends without goodbye.
  void reset();

 private:
  class Link;
  void run();

  const std::string url_;
  int near_ = -1;
  int far_ = -1;
  int outer_ = -1;
  int wake_ = -1;
  std::atomic<int> close_code_{0};
  std::atomic<bool> stop_{false};
  std::atomic<bool> leaving_{false};  // when what the client said is sent
  std::unique_ptr<Link> link_;
  std::string trouble_;  // the thread's
  std::thread thread_;
};

}  // namespace cm::test
