#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/buffer.hpp"
#include "net/fd.hpp"
#include "net/io_worker.hpp"
#include "routing/envelope_queue.hpp"
#include "session/counters.hpp"
#include "session/entrance.hpp"
#include "session/frontend.hpp"
#include "session/session.hpp"

namespace cm::session {

// A session's number: 24 bits of this host's start, 8 of its worker, 32 counted.
struct SessionNumber {
  static constexpr unsigned kWorkerShift = 32;
  static constexpr unsigned kBootShift = 40;
  [[nodiscard]] static constexpr unsigned worker(std::uint64_t number) {
    return static_cast<unsigned>(number >> kWorkerShift & 0xFFU);
  }
};

// A client as `cellmesh ctl clients` shows it.
struct ClientRow {
  routing::ClientId id;
  std::string address;
  std::string transport;
  bool admitted = false;
  std::vector<std::string> bindings;  // service ids
  std::uint64_t queued_bytes = 0;
  std::int64_t age_ms = 0;
};

// The sessions of one io worker, of all frontends, and what they share. Owned by the Gateway; other threads hand
// envelopes in through put(), all else is the worker's.
class SessionTable final : public net::Wakeable,
                           public net::Flushable,
                           public std::enable_shared_from_this<SessionTable> {
 public:
  SessionTable(net::IoWorker& worker, routing::Registry& registry, const routing::Routes& routes, std::uint32_t boot);
  ~SessionTable() override;

  // --- any thread ---

  // For clients of `envelope.to`. On the worker itself it is done at once, else queued.
  routing::Delivery put(const routing::Envelope& envelope);
  // put() would answer `full` to a message; then the registry's `room` event will come.
  [[nodiscard]] bool is_full();
  void services_lost(std::span<const routing::ServiceRef> services);
  // Somebody who answered `full` has room again.
  void room();
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] net::IoWorker& worker() { return worker_; }

  // --- worker ---

  void add(const std::shared_ptr<Frontend>& frontend, const routing::FrontendOptions& options);
  void update(routing::ServiceRef owner, const routing::FrontendOptions& options);
  void intercept(routing::ServiceRef owner, std::uint16_t msg_id);
  void set_protocol(routing::ServiceRef owner, std::uint8_t version);
  // A client connected; the place that it takes on the frontend is counted, or `full` is told to it.
  // Gives back the transport of one that is not wanted any more.
  [[nodiscard]] std::unique_ptr<net::Transport> adopt(const std::shared_ptr<Frontend>& frontend, const Port& port,
                                                      std::unique_ptr<net::Transport> transport, bool full);
  // Somebody connected who has to agree on his transport first; counted in port.handshakes. `full` as in adopt().
  void enter(const std::shared_ptr<Frontend>& frontend, Port& port, net::Fd socket, bool full);
  // After what was queued for them.
  void close_all(routing::ServiceRef owner, CloseReason reason, std::string_view text);
  // Ends what is not gone yet after close_all().
  void abort_all(routing::ServiceRef owner);
  // It is closed and empty.
  void remove(const Frontend& frontend);
  // No frontend is left and none will come: lets go of what it holds of others.
  void stop();
  // The worker did not run for a while (the process was stopped, the machine slept): clients were not heard because
  // nobody listened. Before tick().
  void overslept(std::int64_t now_ms);
  // Every 100 ms: retries, time-outs.
  void tick(std::int64_t now_ms);
  void list(routing::ServiceRef owner, std::size_t limit, std::vector<ClientRow>& into);

  // --- its sessions ---

  [[nodiscard]] net::BufferPool& pool() { return pool_; }
  [[nodiscard]] Router& router() { return *router_; }
  [[nodiscard]] Counters& count() { return counters_; }
  [[nodiscard]] routing::Names& names() { return registry_.names(); }
  [[nodiscard]] const routing::Registry& registry() const { return registry_; }
  // Tenths of a second.
  [[nodiscard]] std::uint32_t clock() const { return clock_; }
  // When overslept() was called last.
  [[nodiscard]] std::uint32_t awake_since() const { return awake_; }
  void mark_dirty(Session& session) { worker_.mark_dirty(session, net::IoWorker::FlushOrder::session); }
  void wait_for_room(Session& session) { waiting_.push_back(&session); }
  void admitted(Session& session);
  // Hands over a notice without a body; when its receiver is full, later.
  void tell(const routing::Envelope& notice);
  // It is not open any more: tells its services.
  void ended(Session& session);
  // Its transport is closed, and when it is `idle` nothing of it is pending.
  void dead(Session& session, bool idle);
  void free(Session& session);

 private:
  void on_wake() override;
  void flush() override;

  void set_clock(std::int64_t now_ms);
  void drain(std::size_t budget);
  std::size_t handle(const routing::Envelope& envelope);
  std::size_t handle_list(const routing::Envelope& envelope);
  std::size_t broadcast(const routing::Envelope& envelope);
  void bind(Session* session, const routing::Envelope& envelope);
  void unbind(Session& session, const routing::Envelope& envelope);
  void retry_waiting();
  void retry_told();
  void rebind_lost();
  [[nodiscard]] Shard* find(routing::ServiceRef owner);
  [[nodiscard]] Session* find(routing::ServiceRef owner, std::uint64_t number);

  // Constant after construction.
  net::IoWorker& worker_;
  routing::Registry& registry_;
  const std::uint64_t prefix_;

  // Worker only.
  net::BufferPool pool_;
  std::optional<Router> router_;  // until stop()
  Counters counters_;
  std::int64_t started_ms_;
  std::uint32_t clock_ = 0;
  std::uint32_t awake_ = 0;  // by clock_
  std::uint32_t swept_ = 0;
  std::uint32_t next_ = 0;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::unordered_map<std::uint32_t, std::unique_ptr<Session>> sessions_;  // by the counted part of their number
  Entrance entrance_{*this};
  std::vector<Session*> closing_;  // flushing or lingering
  std::vector<Session*> waiting_;  // for room
  std::vector<Session*> retrying_;
  std::vector<routing::ServiceRef> full_;  // while retrying
  std::vector<routing::Envelope> untold_;
  routing::EnvelopeQueue::Batch batch_;

  // Any thread.
  routing::EnvelopeQueue queue_;
  std::atomic<bool> refused_{false};
  std::atomic<bool> room_{false};
  std::mutex mutex_;  // guards lost_
  std::vector<routing::ServiceRef> lost_;
};

}  // namespace cm::session
