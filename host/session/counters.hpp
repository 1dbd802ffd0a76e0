#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "session/close_reason.hpp"

namespace cm::session {

// A number that one thread counts and any may read.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// What one worker's sessions count. Written by the worker.
struct Counters {
  Counter accepted;
  Counter not_entered;                                 // connections that came to nothing before they were clients
  Counter origins_refused;                             // WebSockets of pages that may not connect
  Counter turned_away;                                 // connections closed at once, as there was no room to tell them
  Counter bytes_in, messages_in;                       // messages that were handed on
  Counter bytes_out, messages_out;                     // notices too
  Counter blocked, not_admitted, no_service, refused;  // messages that were not handed on
  Counter held;                                        // messages that held their client back
  Counter paused;                                      // times that a client waited for a full service
  Counter dropped;                                     // messages to clients that did not read
  Counter too_new;                                     // messages that their client's version of the protocol lacks
  Counter unknown_session;                             // commands for a client that is gone
  Counter bad_command;                                 // commands that make no sense, or that their sender may not give
  Counter lost_ends;                                   // notices of ends that found no place
  std::array<Counter, kCloseReasons> closed;
};

// The same, summed over workers.
struct Stats {
  std::uint64_t accepted = 0, not_entered = 0, origins_refused = 0, turned_away = 0;
  std::uint64_t bytes_in = 0, messages_in = 0, bytes_out = 0, messages_out = 0;
  std::uint64_t blocked = 0, not_admitted = 0, no_service = 0, refused = 0;
  std::uint64_t held = 0, paused = 0, dropped = 0, too_new = 0, unknown_session = 0, bad_command = 0, lost_ends = 0;
  std::array<std::uint64_t, kCloseReasons> closed{};

  void add(const Counters& c) {
    accepted += c.accepted.get();
    not_entered += c.not_entered.get();
    origins_refused += c.origins_refused.get();
    turned_away += c.turned_away.get();
    bytes_in += c.bytes_in.get();
    messages_in += c.messages_in.get();
    bytes_out += c.bytes_out.get();
    messages_out += c.messages_out.get();
    blocked += c.blocked.get();
    not_admitted += c.not_admitted.get();
    no_service += c.no_service.get();
    refused += c.refused.get();
    held += c.held.get();
    paused += c.paused.get();
    dropped += c.dropped.get();
    too_new += c.too_new.get();
    unknown_session += c.unknown_session.get();
    bad_command += c.bad_command.get();
    lost_ends += c.lost_ends.get();
    for (std::size_t i = 0; i < kCloseReasons; ++i) closed[i] += c.closed[i].get();
  }
};

}  // namespace cm::session
