#include "cli/chat_client.hpp"

#include <algorithm>
#include <utility>

#include "cli/chat_notices.hpp"
#include "cli/text.hpp"
#include "client.cellmesh.hpp"

namespace cm::cli {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kWindow = 1'000;            // lines on their way
constexpr std::size_t kMostUnsent = 256U << 10U;  // bytes
constexpr const char* kVersion = "1.0";

template <class M>
constexpr std::uint16_t id_of = cellmesh::MessageTraits<M>::id;

std::string seconds(milliseconds time) { return std::to_string((time.count() + 999) / 1000) + " s"; }

std::string lines(std::size_t count) { return std::to_string(count) + (count == 1 ? " line" : " lines"); }

}  // namespace

ChatClient::ChatClient(ChatConfig config, ChatView& view)
    : config_(std::move(config)), view_(view), retry_(config_.first_retry) {}

void ChatClient::start() { log_in(); }

bool ChatClient::say(std::string_view line) {
  if (!takes_lines() || state_ == State::ended) return false;
  waiting_.push_back(valid_utf8(config_.name + ": " + std::string(line.substr(0, kLongestLine))));
  if (state_ == State::online) send_waiting();
  return true;
}

ChatClient::Clock::time_point ChatClient::deadline() const {
  if (state_ == State::ended) return Clock::time_point::max();
  if (state_ != State::online) return until_;
  Clock::time_point soonest = next_ping_;
  if (!sent_.empty()) soonest = std::min(soonest, sent_.front().at + config_.echo_timeout);
  return soonest;
}

void ChatClient::step(short events) {
  if (events != 0 && socket_.is_open()) {
    const auto status =
        socket_.on_ready(events, [this](std::uint16_t id, std::string_view body) { on_frame(id, body); });
    // A frame may have led on to another connection already; then this one's end is none of ours.
    if (status.has_error() && !socket_.is_open() && state_ != State::waiting && state_ != State::ended) {
      lose(closing_.empty() ? connection_failed(status.error()) : closing_);
    }
  }
  on_time();
  if (state_ == State::online) send_waiting();
}

void ChatClient::on_time() {
  const auto now = Clock::now();
  switch (state_) {
    case State::waiting:
      if (now >= until_) log_in();
      break;
    case State::logging_in:
    case State::verifying:
      if (now >= until_) {
        lose(peer_ + (socket_.is_connected() ? " did not answer within " : " could not be reached within ") +
             seconds(config_.answer_timeout));
      }
      break;
    case State::online:
      give_up_old_lines();
      if (now < next_ping_) break;
      // Not every gateway answers pings; from one that did, silence means something.
      if (answers_pings_ && now - heard_ > 3 * config_.ping_period) return lose(peer_ + " has fallen silent");
      send(proto::PingACK());
      next_ping_ = now + config_.ping_period;
      break;
    case State::ended:
      break;
  }
}

void ChatClient::log_in() {
  const auto login = config_.find_login();
  if (login.has_error()) return lose(login.error().text);
  login_ = *login;
  connect(State::logging_in, login_);
  if (state_ != State::logging_in) return;
  proto::LoginREQ request;
  request.set_version(kVersion);
  request.set_platform("cellmesh chat");
  request.set_uid(config_.name);
  send(request);
}

void ChatClient::connect(State next, const std::string& address) {
  peer_ = address;
  closing_.clear();
  const auto where = base::HostPort::parse(address);
  if (where.has_error()) return lose(where.error().text);
  state_ = next;
  until_ = Clock::now() + config_.answer_timeout;
  if (const auto status = socket_.connect(*where); status.has_error()) {
    lose(connection_failed(status.error()));
  }
}

void ChatClient::verify(std::string_view body) {
  proto::LoginACK ack;
  if (!parse(ack, body)) return;
  if (ack.result() != proto::NoError)
    return lose("the login at " + peer_ + " let nobody in: " + describe(ack.result()));
  game_ = printable(ack.game_svc_id());
  token_ = ack.game_token();
  const bool reachable = !ack.server().ip().empty() && ack.server().port() > 0 && ack.server().port() <= 65'535;
  if (!reachable) return lose("the login at " + peer_ + " named no agent: " + describe(proto::AgentAddressError));
  connect(State::verifying, base::HostPort{ack.server().ip(), static_cast<std::uint16_t>(ack.server().port())}.text());
  if (state_ != State::verifying) return;
  proto::VerifyREQ request;
  request.set_game_token(token_);
  request.set_game_svc_id(ack.game_svc_id());
  send(request);
}

void ChatClient::on_frame(std::uint16_t id, std::string_view body) {
  heard_ = Clock::now();
  if (id == id_of<proto::NoticeACK>) return on_notice(body);
  if (id == id_of<proto::LoginACK> && state_ == State::logging_in) return verify(body);
  if (id == id_of<proto::VerifyACK> && state_ == State::verifying) return on_verified(body);
  if (id == id_of<proto::ChatACK> && state_ != State::logging_in) return on_chat(body);
  if (id == id_of<proto::PingACK>) answers_pings_ = true;
}

void ChatClient::on_verified(std::string_view body) {
  proto::VerifyACK ack;
  if (!parse(ack, body)) return;
  if (ack.result() != proto::NoError)
    return lose("the agent at " + peer_ + " did not let you in: " + describe(ack.result()));
  state_ = State::online;
  trouble_.clear();
  answers_pings_ = false;
  online_since_ = Clock::now();
  next_ping_ = online_since_;
  view_.on_online(peer_, game_);
}

void ChatClient::on_chat(std::string_view body) {
  proto::ChatACK ack;
  if (!parse(ack, body)) return;
  const auto mine = std::find_if(sent_.begin(), sent_.end(), [&](const Sent& s) { return s.content == ack.content(); });
  if (mine != sent_.end()) {
    // Lines come back in the order that they were sent in, so those before it will not.
    const auto skipped = static_cast<std::uint64_t>(mine - sent_.begin());
    if (skipped > 0) view_.on_notice(lines(skipped) + " of yours did not come through");
    lost_ += skipped;
    ++echoed_;
    sent_.erase(sent_.begin(), mine + 1);
  }
  view_.on_chat(ack.content());
}

void ChatClient::on_notice(std::string_view body) {
  proto::NoticeACK notice;
  if (!parse(notice, body)) return;
  if (closes(notice)) {
    closing_ = describe(notice);
    kicked_ = notice.code() == proto::NoticeACK::Kicked;
    return;
  }
  if (notice.msg_id() == id_of<proto::ChatREQ> && tells_of_a_drop(notice) && !sent_.empty()) {
    sent_.pop_front();
    ++lost_;
  }
  view_.on_notice(describe(notice));
}

void ChatClient::send_waiting() {
  while (!waiting_.empty() && sent_.size() < kWindow && socket_.unsent() < kMostUnsent) {
    proto::ChatREQ request;
    request.set_content(waiting_.front());
    send(request);
    sent_.push_back({std::move(waiting_.front()), Clock::now()});
    waiting_.pop_front();
  }
}

void ChatClient::give_up_old_lines() {
  const auto limit = Clock::now() - config_.echo_timeout;
  std::size_t old = 0;
  while (!sent_.empty() && sent_.front().at <= limit) {
    sent_.pop_front();
    ++old;
  }
  if (old == 0) return;
  lost_ += old;
  view_.on_notice(lines(old) + " of yours did not come back within " + seconds(config_.echo_timeout) +
                  "; say it again if nobody heard it");
}

std::string ChatClient::connection_failed(const base::Error& error) const {
  const bool no_login = state_ == State::logging_in && !socket_.is_connected();
  return "the connection to " + peer_ + " failed: " + error.text +
         (no_login ? "; start a host there, as with `cellmesh host --dev`, or say where the login is" : "");
}

void ChatClient::lose(const std::string& why) {
  const auto now = Clock::now();
  if (state_ == State::online && now - online_since_ >= config_.settled) retry_ = config_.first_retry;
  socket_.close();
  trouble_ = why;
  if (!sent_.empty()) {
    trouble_ += "; " + lines(sent_.size()) + " of yours may not have come through";
    lost_ += sent_.size();
    sent_.clear();
  }
  if (std::exchange(kicked_, false)) {
    state_ = State::ended;
    return view_.on_trouble(trouble_, std::nullopt);
  }
  state_ = State::waiting;
  // A random part less, so that the players of a gateway that died do not all come back at the same moment.
  const auto wait =
      milliseconds(std::uniform_int_distribution<milliseconds::rep>(retry_.count() / 2, retry_.count())(random_));
  retry_ = std::min(retry_ * 2, config_.longest_retry);
  until_ = now + wait;
  view_.on_trouble(trouble_, wait);
}

template <class M>
bool ChatClient::parse(M& message, std::string_view body) {
  if (message.ParseFromArray(body.data(), static_cast<int>(body.size()))) return true;
  lose(peer_ + " sent a message that cannot be read; is it a cellmesh gateway of this version?");
  return false;
}

template <class M>
void ChatClient::send(const M& message) {
  socket_.send(id_of<M>, message.SerializeAsString());
}

}  // namespace cm::cli
