#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/frame_reader.hpp"
#include "net/io_worker.hpp"
#include "net/transport.hpp"
#include "session/frontend.hpp"
#include "session/notice.hpp"
#include "session/outbox.hpp"

namespace cm::session {

class SessionTable;

// One client. Made by its worker's SessionTable, which owns it; everything happens on that worker. It is open until
// close() or until its connection breaks; then its services are told at once, what waits for it and the notice are sent
// (flushing), the connection is half-closed and drained so that the notice is not lost to a reset (lingering), and it
// is freed at the end of a turn.
class Session final : public net::Transport::Handler, public net::Flushable {
 public:
  Session(SessionTable& table, Shard& shard, const Port& port, std::unique_ptr<net::Transport> transport,
          std::uint64_t number);
  ~Session() override;

  // Announces the client to its agent and begins to read.
  void start() { resume(); }

  // What services ask for. Nothing happens to one that is not open any more.
  // `since`: the version of the client protocol that the message came with. Left out for a client of an older one.
  void send(std::uint16_t id, std::int32_t since, std::span<const std::byte> body);
  void set_protocol(std::uint8_t version);
  void admit();
  void release();
  void bind(routing::KindRef kind, routing::ServiceRef service);
  void unbind(routing::KindRef kind);
  void close(CloseReason reason, std::string_view text = {}, std::uint16_t msg_id = 0);

  // These services are gone.
  void services_lost(std::span<const routing::ServiceRef> lost);
  // The service that it waits for may take something again.
  void retry();
  // Closes it when its time is over, asks for a sign of life before. About once a second.
  void check_time();
  // Gives up flushing or lingering when their time is over, or at once.
  void check_deadline(bool at_once = false);

  [[nodiscard]] routing::ClientId id() const { return state_.id; }
  [[nodiscard]] bool open() const { return phase_ == Phase::open; }
  [[nodiscard]] bool admitted() const { return state_.admitted; }
  [[nodiscard]] bool announced() const { return announced_; }
  [[nodiscard]] bool waiting() const { return waiting_; }
  [[nodiscard]] routing::ServiceRef waits_for() const { return waits_for_; }
  [[nodiscard]] const Peers& peers() const { return state_.peers; }
  [[nodiscard]] CloseReason reason() const { return reason_; }
  [[nodiscard]] std::size_t queued() const { return outbox_.size(); }
  [[nodiscard]] std::int64_t age_ms() const;
  [[nodiscard]] std::string peer() const { return transport_->peer(); }
  [[nodiscard]] std::string_view transport() const { return transport_->name(); }
  [[nodiscard]] std::uint8_t protocol() const { return protocol_; }
  [[nodiscard]] Shard& shard() const { return shard_; }

  // Its place in the table's lists; the table's.
  std::uint32_t index = 0;

 private:
  enum class Phase : std::uint8_t { open, flushing, lingering, dead };

  // net::Transport::Handler
  void on_readable() override;
  void on_writable() override;
  void on_released() override;
  // net::Flushable
  void flush() override;

  [[nodiscard]] std::size_t max_body() const { return port_.max_body.load(std::memory_order_relaxed); }

  void resume();
  bool announce();
  void arm_read();
  void read_input();
  void drain_input();
  void parsed(net::FrameReader::Status status);
  net::FrameReader::Taken take(std::uint16_t id, std::span<const std::byte> body);
  void refuse(NoticeCode code, CloseReason in_the_end, std::uint16_t id);
  void lose(routing::ServiceRef lost, bool may_return);
  void wait_for(routing::ServiceRef service);

  // False, and counted, when the client's version of the protocol does not have the message.
  [[nodiscard]] bool knows(std::int32_t since);
  void notify(const Notice& notice);
  void append(std::uint16_t id, std::span<const std::byte> body);
  void write();
  void ended(CloseReason reason);
  void half_close();
  void finish();

  SessionTable& table_;
  Shard& shard_;
  const Port& port_;
  const std::unique_ptr<net::Transport> transport_;
  ClientState state_;
  net::FrameReader reader_;
  Outbox outbox_;
  const std::uint32_t opened_;  // the table's clock
  std::uint32_t heard_;         // likewise
  std::uint32_t pinged_ = 0;    // likewise; older than heard_: it need not answer
  std::uint32_t deadline_ = 0;  // likewise; of flushing and lingering
  routing::ServiceRef waits_for_ = routing::ServiceRef::none;
  std::uint32_t refused_ = 0;  // messages
  Phase phase_ = Phase::open;
  CloseReason reason_ = CloseReason::none;
  std::uint8_t protocol_;  // version of the client protocol
  bool announced_ = false;
  bool pings_ = false;    // has sent the frontend's ping
  bool parsing_ = false;  // take() may be running
  bool waiting_ = false;  // for room at waits_for_
  bool reading_ = false;  // a wait for input is pending
  bool writing_ = false;  // a wait for the socket to take more is pending
  bool input_ended_ = false;
};

}  // namespace cm::session
