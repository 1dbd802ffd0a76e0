#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace cm::net {

// A client's connection, at either end. Its user sees one stream of client frames (see frame.hpp) in either direction;
// a transport whose wire looks otherwise (WebSocket) translates inside, and may bring frames of the extended form.
// Readiness style: wait, then read or write once without blocking. Owned by its session, lives on one io worker, all
// calls there; freed when it is closed and not busy().
class Transport {
 public:
  enum class State : std::uint8_t {
    open,       // `bytes` of them; fewer than asked: no more for now
    end,        // the peer will send no more (read), or take no more (write)
    malformed,  // what came is not of this transport's protocol (read)
    too_large,  // a message came that no frame can hold (read)
  };
  struct Io {
    std::size_t bytes = 0;
    State state = State::open;
  };

  // Called on the worker, never from within a call of the transport's own.
  class Handler {
   public:
    virtual void on_readable() = 0;
    virtual void on_writable() = 0;
    // After close(): nothing is pending any more.
    virtual void on_released() = 0;

   protected:
    ~Handler() = default;
  };

  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  virtual void attach(Handler& handler) = 0;

  // Agrees with the peer on what comes before the first frame (TLS, the upgrade to WebSocket), once, before all below.
  // done(false): it came to nothing, or the peer was none; close() it. Takes as long as the peer wants: its user sets a
  // limit.
  using Done = std::function<void(bool)>;
  virtual void handshake(Done done) { std::exchange(done, {})(true); }

  [[nodiscard]] virtual Io read(std::span<std::byte> into) = 0;
  [[nodiscard]] virtual Io write(std::span<const std::byte> bytes) = 0;

  // Returns true if the peer has shown since the last call that it lives, by bytes that read() does not bring.
  [[nodiscard]] virtual bool heard() { return false; }
  // Asks the peer for a sign of life, which heard() will tell. Returns false if this transport has no way to ask.
  virtual bool ping() { return false; }

  // All that write() took is with the kernel.
  [[nodiscard]] virtual bool flushed() const { return true; }

  // One on_readable() when a read may bring something. Not again before it came.
  virtual void wait_read() = 0;
  // One on_writable() when a write may take something. Not again before it came.
  virtual void wait_write() = 0;

  // Says to the peer that no more comes, after what was written, and why: a close code of WebSocket (RFC 6455, 7.4),
  // for those that have one.
  virtual void shutdown_write(std::uint16_t code) = 0;
  virtual void close() = 0;
  // A wait is pending: on_released() will come after close().
  [[nodiscard]] virtual bool busy() const = 0;

  // Why the handshake came to nothing, or the connection broke; empty when it did not, or nobody knows. For people.
  [[nodiscard]] virtual std::string trouble() const { return {}; }
  // `203.0.113.7:50123`; empty when it is gone. For people.
  [[nodiscard]] virtual std::string peer() const = 0;
  // `tcp`, `tls`, `ws`, `wss`.
  [[nodiscard]] virtual std::string_view name() const = 0;
};

}  // namespace cm::net
