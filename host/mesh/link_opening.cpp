// The handshake of two hosts. The one that dials says hello and where its streams stood; the other decides whether they
// go on or begin anew, and sends nothing on them before `go` has told it that the first one knows: so what one side has
// sent on a stream, the other side knows the stream of.
#include <random>
#include <utility>

#include <boost/asio/co_spawn.hpp>

#include "base/log.hpp"
#include "mesh/link.hpp"

namespace cm::mesh {

using base::log_value;
using base::Room;

namespace {

std::uint64_t new_stream() {
  std::random_device random;
  std::uint64_t id = 0;
  while (id == 0) id = std::uint64_t{random()} << 32U | random();
  return id;
}

void rethrow(const std::exception_ptr& e) {
  if (e) std::rethrow_exception(e);
}

// Only for its arguments: what it writes to may be gone.
Task<void> write_and_close(std::shared_ptr<Opening> opening, std::string frame) {
  (void)co_await opening->write(std::move(frame));
  opening->abandon();
}

std::string wrong_offset(std::uint64_t received) {
  return "at byte " + std::to_string(received) + ", which is not the end of a frame that was sent";
}

// A welcome says of its sender what a hello says.
pb::Hello hello_of(const pb::Welcome& welcome) {
  pb::Hello hello;
  hello.set_mesh(welcome.mesh());
  hello.set_host(welcome.host());
  hello.set_boot(welcome.boot());
  *hello.mutable_services() = welcome.services();
  hello.set_sequence(welcome.sequence());
  return hello;
}

}  // namespace

Task<void> Link::dial([[maybe_unused]] std::shared_ptr<Link> self, std::shared_ptr<Opening> opening,
                      Candidate candidate) {
  const base::Status connected = co_await opening->connect(candidate.address);
  if (attempt_ != opening) co_return;
  if (!connected) {
    dial_failed(connected.error().text, {});
    co_return;
  }

  pb::Hello hello = table_->hello();
  hello.set_stream(stream_);
  hello.set_peer_stream(peer_stream_);
  hello.set_received(received_);
  hello.set_next_stream(new_stream());
  hello.set_to(host_);
  hello_sent_ = true;
  std::string frame = opening_frame(FrameType::hello, hello);
  const base::Status written = co_await opening->write(std::move(frame));
  if (attempt_ != opening) co_return;
  if (!written) {
    dial_failed(written.error().text, {});
    co_return;
  }

  const base::Result<OpeningFrame> answer = co_await opening->read();
  if (attempt_ != opening) co_return;
  pb::Welcome welcome;
  pb::Refusal refused;
  if (!answer) {
    dial_failed(answer.error().text, {});
    co_return;
  }
  if (answer->type == FrameType::refuse && refused.ParseFromString(answer->body)) {
    on_refused(refused, candidate.address);
    co_return;
  }
  if (answer->type != FrameType::welcome || !welcome.ParseFromString(answer->body)) {
    dial_failed("handshake: an answer that is none", config_.backoff_refused);
    co_return;
  }

  const pb::Hello said = hello_of(welcome);
  auto objection = table_->judge(*answer, said);
  if (!objection && welcome.host() != host_) {
    objection = refusal(pb::Refusal::WRONG_HOST, candidate.address + " is host " + log_value(welcome.host()) +
                                                     ", not " + log_value(host_) + ": the catalog was out of date");
  }
  if (!objection) objection = table_->judge_services(said);
  if (!objection && stream_ != hello.stream()) {
    objection = refusal(pb::Refusal::STALE, "host " + config_.name + " has given up these streams");
  }
  std::optional<std::uint64_t> resume_at;
  if (!objection && welcome.resumed()) {
    resume_at = welcome.received();
    if (!knows_streams(welcome.boot(), stream_, welcome.stream())) {
      objection = refusal(pb::Refusal::PROTOCOL, "a welcome that resumes streams which are not");
    } else if (!sender_.stream().can_resume_at(welcome.received())) {
      objection = refusal(pb::Refusal::PROTOCOL, "a welcome that resumes " + wrong_offset(welcome.received()));
    }
    if (objection) give_up(objection->text());
  }
  if (!objection && !welcome.resumed() && welcome.stream() == 0) {
    objection = refusal(pb::Refusal::PROTOCOL, "a welcome without a stream");
  }
  if (objection) {
    auto task = write_and_close(opening, opening_frame(FrameType::refuse, *objection));
    attempt_.reset();
    boost::asio::co_spawn(worker_.context().get_executor(), std::move(task), rethrow);
    dial_failed(objection->text(),
                objection->reason() == pb::Refusal::STALE ? std::chrono::milliseconds(0) : config_.backoff_refused);
    co_return;
  }
  peer_sequence_ = welcome.sequence();
  if (!welcome.resumed()) begin_streams(welcome.boot(), hello.next_stream(), welcome.stream());
  // From here on the streams are agreed, whatever becomes of this connection.
  confirmed_ = true;
  std::string go = opening_frame(FrameType::go, pb::Go());
  const base::Status gone = co_await opening->write(std::move(go));
  if (attempt_ != opening) co_return;
  if (gone) {
    establish(opening, resume_at, true);
  } else {
    dial_failed(gone.error().text, {});
  }
}

void Link::on_refused(const pb::Refusal& why, const std::string& address) {
  const auto reason = static_cast<Reason>(why.reason());
  const bool race = reason == Reason::tie || reason == Reason::stale;
  if (race) {  // the other connection is on its way
    attempt_->abandon();
    attempt_.reset();
    dial_at_ms_ = worker_.now_ms() + config_.backoff_max.count() / 4;
    return;
  }
  const std::string by = host_.empty() ? address : host_;
  dial_failed("refused: " + why.text(), config_.backoff_refused);
  table_->refused({reason, by, why.text()});
}

void Link::on_hello(std::shared_ptr<Opening> opening, pb::Hello hello) {
  opening->limit(config_.handshake_limit);
  if (forgotten_) {  // between the listener's look into the table and now
    const auto link = table_->link_to(host_);
    if (link && link.get() != this) link->accept(opening->take_fd(), std::move(hello));
    return;
  }
  if (stopping_) {
    refuse(opening, refusal(pb::Refusal::STOPPING, "host " + config_.name + " is going down"));
    return;
  }
  if (hello.boot() == boot_ && hello.sequence() <= peer_sequence_) {
    refuse(opening, refusal(pb::Refusal::STALE, "host " + config_.name + " has had a newer connection"));
    return;
  }
  if (conn_ && hello.boot() != boot_) {
    challenge(std::move(opening), std::move(hello));
    return;
  }
  if (challenge_) settle_challenge(true);
  // Both dialed: the one of the smaller boot id stays. A dial that is not connected yet gives way.
  if (attempt_ && dialing_ && hello_sent_ && config_.boot < hello.boot()) {
    refuse(opening, refusal(pb::Refusal::TIE, "host " + config_.name + " dials host " + host_ + " itself"));
    return;
  }
  admit(std::move(opening), hello);
}

void Link::challenge(std::shared_ptr<Opening> opening, pb::Hello hello) {
  if (challenge_) {
    refuse(opening,
           refusal(pb::Refusal::BUSY, "host " + config_.name + " looks which of several hosts " + host_ + " is alive"));
    return;
  }
  const std::uint64_t token = new_stream();
  challenge_ = Challenge{std::move(opening), std::move(hello), token, worker_.now_ms()};
  sender_.number(FrameType::ping, token);
  dirty();
}

void Link::settle_challenge(bool alive) {
  if (!alive) {
    drop_connection("it does not answer, and another process of its name is here");  // which admits that one
    return;
  }
  const auto challenge = std::exchange(challenge_, std::nullopt);
  refuse(challenge->opening,
         refusal(pb::Refusal::DUPLICATE_HOST, "a host named " + host_ +
                                                  " is alive already; start one of the two with another --index or "
                                                  "--group"));
}

void Link::admit(std::shared_ptr<Opening> opening, const pb::Hello& hello) {
  if (opening->abandoned()) return;
  if (const auto objection = table_->judge_services(hello)) {
    refuse(opening, *objection);
    return;
  }
  abandon_attempt();
  close_connection();  // the peer knows that it is broken, this side did not yet
  std::optional<std::uint64_t> resume_at;
  if (knows_streams(hello.boot(), hello.peer_stream(), hello.stream())) {
    if (!sender_.stream().can_resume_at(hello.received())) {
      const std::string what = "a hello that resumes " + wrong_offset(hello.received());
      refuse(std::move(opening), refusal(pb::Refusal::PROTOCOL, what));
      give_up("the peer broke the protocol: " + what);
      return;
    }
    resume_at = hello.received();
  } else if (hello.next_stream() != 0) {
    begin_streams(hello.boot(), new_stream(), hello.next_stream());
  } else {
    refuse(opening, refusal(pb::Refusal::PROTOCOL, "a hello without a stream"));
    return;
  }
  peer_sequence_ = hello.sequence();

  const pb::Hello own = table_->hello();
  pb::Welcome answer;
  answer.set_mesh(own.mesh());
  answer.set_host(own.host());
  answer.set_boot(own.boot());
  *answer.mutable_services() = own.services();
  answer.set_sequence(own.sequence());
  answer.set_resumed(resume_at.has_value());
  answer.set_stream(stream_);
  answer.set_received(received_);
  attempt_ = opening;
  dialing_ = false;
  auto task = welcome(shared_from_this(), std::move(opening), opening_frame(FrameType::welcome, answer), resume_at);
  boost::asio::co_spawn(worker_.context().get_executor(), std::move(task), rethrow);
}

Task<void> Link::welcome([[maybe_unused]] std::shared_ptr<Link> self, std::shared_ptr<Opening> opening,
                         std::string frame, std::optional<std::uint64_t> resume_at) {
  const base::Status written = co_await opening->write(std::move(frame));
  if (attempt_ != opening) co_return;
  if (!written) {
    dial_failed(written.error().text, {});
    co_return;
  }
  const base::Result<OpeningFrame> answer = co_await opening->read();
  if (attempt_ != opening) co_return;
  pb::Refusal refused;
  pb::Go go;
  if (!answer) {
    dial_failed(answer.error().text, {});
  } else if (answer->type == FrameType::go && answer->major == kMajor && go.ParseFromString(answer->body)) {
    establish(opening, resume_at, false);
  } else if (answer->type == FrameType::refuse && refused.ParseFromString(answer->body)) {
    on_refused(refused, opening->peer());
  } else {
    dial_failed("handshake: an answer that is none", config_.backoff_refused);
  }
}

void Link::refuse(std::shared_ptr<Opening> opening, const pb::Refusal& why) {
  const bool race = why.reason() == pb::Refusal::TIE || why.reason() == pb::Refusal::STALE;
  base::log(Room::mesh)
      .log(race ? spdlog::level::debug : spdlog::level::warn, "refused peer={} address={} reason={}", log_value(host_),
           opening->peer(), log_value(why.text()));
  auto task = write_and_close(std::move(opening), opening_frame(FrameType::refuse, why));
  boost::asio::co_spawn(worker_.context().get_executor(), std::move(task), rethrow);
}

void Link::abandon_attempt() {
  if (!attempt_) return;
  attempt_->abandon();
  attempt_.reset();
}

void Link::begin_streams(const std::string& boot, std::uint64_t mine, std::uint64_t theirs) {
  if (stream_ != 0 && boot != boot_) {
    restarted();
  } else if (stream_ != 0 && confirmed_) {
    give_up("it had given up this host");
  }
  sender_.reset();
  refs_.reset();
  local_.reset();
  stream_ = mine;
  peer_stream_ = theirs;
  received_ = acked_ = peer_acked_ = 0;
  confirmed_ = false;
  boot_ = boot;
  if (broken_ms_ == 0) broken_ms_ = worker_.now_ms();
  held_bytes_ = 0;
  remote_.for_each([&](RemoteService& service) { held_bytes_ += service.held.bytes(); });
  arrivals_.repeat_flow();
  update_load();
}

}  // namespace cm::mesh
