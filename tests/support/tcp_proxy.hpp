#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace cm::test {

// A TCP connection's bad day: forwards bytes between who connects to it and a target, and cuts, holds or chops them
// when told. A thread of its own. [any thread]
class TcpProxy {
 public:
  explicit TcpProxy(const std::string& target);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  [[nodiscard]] const std::string& address() const;

  // Where new connections go.
  void retarget(const std::string& target);
  // New connections are closed at once, or taken again.
  void refuse(bool on);
  // All connections end now; with a reset, or as if the other side had closed.
  void cut(bool reset);
  // All connections that are or will be open end when `bytes` more have been forwarded.
  void cut_after(std::uint64_t bytes, bool reset);
  // That has not happened yet.
  [[nodiscard]] bool cut_is_due() const;
  // Nothing is forwarded on the connections that are open now, which stay so; or it goes on.
  void hold(bool on);
  // Forwards at most so many bytes with one write.
  void chop(std::size_t most);

  [[nodiscard]] std::uint64_t connections() const;  // taken so far
  [[nodiscard]] std::uint64_t cuts() const;         // connections that were cut

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace cm::test
