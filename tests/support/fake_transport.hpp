#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "net/frame.hpp"
#include "net/io_worker.hpp"
#include "net/transport.hpp"

namespace cm::test {

inline std::vector<std::byte> bytes_of(std::string_view text) {
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

inline std::vector<std::byte> wire_frame(std::uint16_t id, std::string_view body = {}) {
  std::vector<std::byte> out(net::kFrameHeader + body.size());
  net::encode_frame(out.data(), id, bytes_of(body));
  return out;
}

struct Received {
  std::uint16_t id = 0;
  std::string body;
  friend bool operator==(const Received&, const Received&) = default;
};

// The far end of a FakeTransport and its faults: short reads and writes, a peer that does not read, cuts. Everything on
// the worker, but for what says otherwise.
class FakeWire : public std::enable_shared_from_this<FakeWire> {
 public:
  explicit FakeWire(net::IoWorker& io) : worker(io) {}

  net::IoWorker& worker;
  // Faults; set them before, or on the worker.
  std::size_t read_at_most = std::numeric_limits<std::size_t>::max();   // bytes of one read
  std::size_t write_at_most = std::numeric_limits<std::size_t>::max();  // bytes of one write
  std::size_t room = std::numeric_limits<std::size_t>::max();           // bytes that the peer's side still takes
  bool broken = false;                                                  // reads and writes fail
  bool pingable = false;                                                // its transport can ping
  bool heard = false;                                                   // it showed that it lives, by no frame

  // What the test does; from its own thread.
  void send(std::vector<std::byte> bytes) {
    worker.run_and_wait([&] {
      input.insert(input.end(), bytes.begin(), bytes.end());
      readable();
    });
  }
  void finish() {
    worker.run_and_wait([&] {
      ended = true;
      readable();
    });
  }
  void cut() {
    worker.run_and_wait([&] {
      broken = true;
      readable();
      writable();
    });
  }
  void take(std::size_t bytes) {
    worker.run_and_wait([&] {
      room = bytes;
      writable();
    });
  }
  // Whole frames that arrived.
  std::vector<Received> received() {
    std::vector<Received> frames;
    worker.run_and_wait([&] {
      for (std::size_t at = 0; at < output.size();) {
        const auto d = net::decode_frame(std::span(output).subspan(at), net::kMaxFrameBody);
        if (d.status != net::Decoded::Status::complete) break;
        frames.push_back({d.id, {reinterpret_cast<const char*>(d.body.data()), d.body.size()}});
        at += d.size;
      }
    });
    return frames;
  }
  template <class T>
  T get(T FakeWire::*member) {
    T value{};
    worker.run_and_wait([&] { value = this->*member; });
    return value;
  }

  std::deque<std::byte> input;
  std::vector<std::byte> output;
  std::size_t reads = 0;
  std::size_t writes = 0;
  std::size_t pings = 0;
  bool ended = false;
  bool half_closed = false;
  std::uint16_t close_code = 0;  // that it was half-closed with
  bool closed = false;
  bool freed = false;
  bool wants_read = false;
  bool wants_write = false;
  net::Transport::Handler* handler = nullptr;

  void readable() {
    if (wants_read && (!input.empty() || ended || broken)) fire(wants_read, &net::Transport::Handler::on_readable);
  }
  void writable() {
    if (wants_write && (room != 0 || broken)) fire(wants_write, &net::Transport::Handler::on_writable);
  }
  // Answers a wait, never from within a call of the transport.
  void fire(bool& wait, void (net::Transport::Handler::*call)()) {
    if (!std::exchange(wait, false)) return;
    ++pending;
    worker.post([self = shared_from_this(), call] {
      --self->pending;
      if (!self->closed) {
        (self->handler->*call)();
      } else if (self->pending == 0) {
        self->handler->on_released();
      }
    });
  }
  int pending = 0;
};

class FakeTransport final : public net::Transport {
 public:
  explicit FakeTransport(std::shared_ptr<FakeWire> wire) : wire_(std::move(wire)) {}
  ~FakeTransport() override { wire_->freed = true; }

  void attach(Handler& handler) override { wire_->handler = &handler; }

  Io read(std::span<std::byte> into) override {
    FakeWire& w = *wire_;
    ++w.reads;
    if (w.broken) return {0, State::end};
    if (w.input.empty()) return {0, w.ended ? State::end : State::open};
    const std::size_t n = std::min({into.size(), w.input.size(), w.read_at_most});
    const auto end = w.input.begin() + static_cast<std::ptrdiff_t>(n);
    std::copy(w.input.begin(), end, into.begin());
    w.input.erase(w.input.begin(), end);
    return {n, State::open};
  }

  Io write(std::span<const std::byte> bytes) override {
    FakeWire& w = *wire_;
    ++w.writes;
    if (w.broken) return {0, State::end};
    const std::size_t n = std::min({bytes.size(), w.room, w.write_at_most});
    if (w.room != std::numeric_limits<std::size_t>::max()) w.room -= n;
    w.output.insert(w.output.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    return {n, State::open};
  }

  void wait_read() override {
    wire_->wants_read = true;
    wire_->readable();
  }
  void wait_write() override {
    wire_->wants_write = true;
    wire_->writable();
  }
  void shutdown_write(std::uint16_t code) override {
    wire_->half_closed = true;
    wire_->close_code = code;
  }
  void close() override {
    wire_->closed = true;
    wire_->fire(wire_->wants_read, &Handler::on_released);
    wire_->fire(wire_->wants_write, &Handler::on_released);
  }
  [[nodiscard]] bool heard() override { return std::exchange(wire_->heard, false); }
  bool ping() override {
    wire_->pings += wire_->pingable ? 1 : 0;
    return wire_->pingable;
  }
  [[nodiscard]] bool busy() const override { return wire_->pending != 0 || wire_->wants_read || wire_->wants_write; }
  [[nodiscard]] std::string peer() const override { return "203.0.113.7:50123"; }
  [[nodiscard]] std::string_view name() const override { return "fake"; }

 private:
  std::shared_ptr<FakeWire> wire_;
};

}  // namespace cm::test
