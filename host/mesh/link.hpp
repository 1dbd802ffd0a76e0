#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mesh/arrivals.hpp"
#include "mesh/connection.hpp"
#include "mesh/frame_reader.hpp"
#include "mesh/link_table.hpp"
#include "mesh/local_services.hpp"
#include "mesh/opening.hpp"
#include "mesh/peer_refs.hpp"
#include "mesh/remote_service.hpp"
#include "mesh/sender.hpp"
#include "net/io_worker.hpp"
#include "routing/envelope_queue.hpp"

namespace cm::mesh {

// This host's side of what is between it and one other host: a stream of frames in each direction that outlives the TCP
// connections it runs on. Owned by the LinkTable; lives on one io worker, which others reach by posts, a queue and a
// wake. Ends when nobody wants it and the peer is gone.
//
//   link.cpp           what others see of it, and the tick
//   link_opening.cpp   the handshake, which decides whether the streams go on or begin anew
//   link_life.cpp      dialing, coming up, breaking, giving up
//   link_in.cpp        what the peer sends
//   link_out.cpp       what is sent to it
class Link final : public RemoteHost,
                   public net::Wakeable,
                   public net::Flushable,
                   private Connection::Owner,
                   private Arrivals::Hooks,
                   public std::enable_shared_from_this<Link> {
 public:
  Link(std::shared_ptr<LinkTable> table, net::IoWorker& worker, std::string host);

  // [any thread]
  [[nodiscard]] const std::string& host() const { return host_; }
  [[nodiscard]] net::IoWorker& worker() const { return worker_; }
  [[nodiscard]] bool up() const { return up_.load(std::memory_order_relaxed); }
  [[nodiscard]] LinkInfo info() const;
  routing::Delivery take(RemoteService& service, const routing::Envelope& envelope) override;
  // Where the host may be dialed; empty: not.
  void want(std::vector<Candidate> candidates);
  // A connection of a peer that has said this hello and was judged.
  void accept(net::Fd socket, pb::Hello hello);
  // This host's services changed.
  void on_local_change();
  // A local service that was full may have room.
  void on_room();
  // Somebody else announces services that this link holds: it lets go of them unless it is up.
  void give_way(std::vector<routing::ServiceRef> services);
  // Says goodbye; `done` once the peer has taken everything, or is gone.
  void stop(std::function<void()> done);

  // [its io worker]
  void tick();
  // Ends at once. After it no callback runs and the link holds nothing of the worker's.
  void abort();
  void on_wake() override;
  void flush() override;

 private:
  // link_life.cpp
  void set_candidates(std::vector<Candidate> candidates);
  void dial_if_due();
  void dial_failed(const std::string& why, std::chrono::milliseconds wait);
  // The streams run on this connection from now on; `resume_at`: what the peer has of this host's, when they go on.
  void establish(const std::shared_ptr<Opening>& opening, std::optional<std::uint64_t> resume_at, bool dialed);
  void close_connection();
  void drop_connection(const std::string& why);
  // The peer is gone on purpose, or is not to be dealt with.
  void close_for_good(const std::string& why);
  void give_up(const std::string& why);
  // Services of the peer's, in order and each once.
  void withdraw(std::span<const routing::ServiceRef> services);
  void restarted();
  void expire_lost();

  // link.cpp
  void keep_alive(std::int64_t now);
  void finish_stop();
  bool forget_if_idle();
  // A snapshot of the Registry has this link's services in it, and so keeps the link itself alive.
  void release_snapshots();
  void publish_info();
  [[nodiscard]] const char* state() const;

  // link_opening.cpp
  Task<void> dial(std::shared_ptr<Link> self, std::shared_ptr<Opening> opening, Candidate candidate);
  Task<void> welcome(std::shared_ptr<Link> self, std::shared_ptr<Opening> opening, std::string frame,
                     std::optional<std::uint64_t> resume_at);
  void on_hello(std::shared_ptr<Opening> opening, pb::Hello hello);
  // Another process of the peer's name came: is the one that is linked alive?
  void challenge(std::shared_ptr<Opening> opening, pb::Hello hello);
  void settle_challenge(bool alive);
  void admit(std::shared_ptr<Opening> opening, const pb::Hello& hello);
  void refuse(std::shared_ptr<Opening> opening, const pb::Refusal& why);
  void on_refused(const pb::Refusal& why, const std::string& address);
  void abandon_attempt();
  // Begins new streams with a process; what can be kept of the old ones for it is kept.
  void begin_streams(const std::string& boot, std::uint64_t mine, std::uint64_t theirs);
  // Returns true if a handshake names the streams that this link has with that process.
  [[nodiscard]] bool knows_streams(const std::string& boot, std::uint64_t mine, std::uint64_t theirs) const {
    return stream_ != 0 && boot == boot_ && mine == stream_ && theirs == peer_stream_;
  }

  // link_in.cpp
  std::span<std::byte> read_space() override;
  bool on_bytes(std::size_t bytes) override;
  void on_writable() override { flush(); }
  void on_broken(const std::string& why) override { drop_connection(why); }
  [[nodiscard]] base::Status on_frame(const Frame& frame);
  [[nodiscard]] base::Status on_envelope(std::span<const std::byte> payload);
  [[nodiscard]] base::Status on_announce(std::span<const std::byte> payload);
  [[nodiscard]] base::Status on_withdraw(std::span<const std::byte> payload);
  [[nodiscard]] base::Status on_loads(std::span<const std::byte> payload);
  [[nodiscard]] base::Status on_peer_flow(std::span<const std::byte> payload, bool open);
  [[nodiscard]] base::Status on_ack(std::uint64_t offset);
  [[nodiscard]] base::Status on_pong(std::uint64_t token);
  void on_goodbye(std::span<const std::byte> payload);
  void protocol_error(const std::string& what);
  [[nodiscard]] bool may_speak_for(PeerRefs::Known& known);

  // link_out.cpp
  void on_flow(routing::ServiceRef service, Side side, bool open) override;
  void on_answer(const routing::Envelope& envelope) override;
  void say_goodbye(pb::Refusal::Reason reason, std::string text);
  void append(RemoteService& service, const routing::Envelope& envelope);
  void drain_queue();
  void retry_parked();
  void sync_local();
  void send_ack();
  void dirty();
  void update_load();

  // Constant after construction.
  const std::shared_ptr<LinkTable> table_;
  const Config& config_;
  net::IoWorker& worker_;
  routing::Registry& registry_;
  const std::string host_;

  // Any thread.
  routing::EnvelopeQueue queue_;      // of other threads, on its way to the stream
  std::atomic<std::size_t> load_{0};  // bytes that the stream and what is held for lost services hold
  std::atomic<bool> refused_{false};  // somebody was told `full` since room was last told
  std::atomic<bool> up_{false};
  std::atomic<bool> local_changed_{false};
  std::atomic<bool> local_room_{false};
  std::atomic<bool> parked_{false};
  mutable std::mutex info_mutex_;  // guards info_
  LinkInfo info_;

  // Io worker only, all below.
  routing::EnvelopeQueue::Batch batch_;
  Sender sender_;
  FrameReader reader_;
  PeerRefs refs_;
  RemoteServices remote_;
  LocalServices local_;
  Arrivals arrivals_;
  std::size_t held_bytes_ = 0;

  std::shared_ptr<Connection> conn_;
  std::shared_ptr<Opening> attempt_;  // a handshake that runs
  bool dialing_ = false;              // it is this host's, and
  bool hello_sent_ = false;           // its hello is on its way
  std::vector<Candidate> candidates_;
  std::size_t next_candidate_ = 0;
  std::int64_t dial_at_ms_ = 0;
  std::chrono::milliseconds backoff_{0};

  // The peer and the streams with it; stream 0: there are none.
  std::string boot_;
  std::uint64_t peer_sequence_ = 0;
  std::uint64_t stream_ = 0;
  std::uint64_t peer_stream_ = 0;
  bool confirmed_ = false;  // the peer knows these streams: it may have got what was sent
  std::uint64_t received_ = 0;
  std::uint64_t acked_ = 0;  // of what was received
  bool ack_due_ = false;
  std::uint64_t peer_acked_ = 0;  // the last ack in the peer's stream; the handshake may have said more
  std::optional<std::uint64_t> pong_;
  std::optional<routing::ServiceRef> room_;  // of which there is room again since the last read; none: several
  std::int64_t heard_ms_ = 0;
  std::int64_t pinged_ms_ = 0;
  std::int64_t broken_ms_ = 0;  // 0: up, or no streams

  // Another process of the peer's name that waits until it is known whether this one lives.
  struct Challenge {
    std::shared_ptr<Opening> opening;
    pb::Hello hello;
    std::uint64_t token = 0;
    std::int64_t since_ms = 0;
  };
  std::optional<Challenge> challenge_;

  bool stopping_ = false;
  bool forgotten_ = false;
  std::function<void()> stopped_;

  bool dialed_ = false;
  std::string address_;
  std::string last_error_;
  std::string last_logged_;
  std::uint64_t messages_in_ = 0;
  std::uint64_t messages_out_ = 0;
  std::uint64_t past_bytes_in_ = 0;
  std::uint64_t past_bytes_out_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t connects_ = 0;
  std::uint64_t ticks_ = 0;
  std::uint64_t services_shown_ = 0;  // version of remote_ that info_ lists
  std::optional<double> rtt_ms_;
};

}  // namespace cm::mesh
