#include "cli/chat_client.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "bots/agent_address.hpp"
#include "cli/chat_notices.hpp"
#include "cli/text.hpp"
#include "client.cellmesh.hpp"
#include "game.cellmesh.hpp"
#include "social.cellmesh.hpp"

namespace cm::cli {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kWindow = 1;                // lines on their way: they stay in order whatever becomes of one
constexpr std::size_t kMostUnsent = 256U << 10U;  // bytes
constexpr milliseconds kFailedRetry{300};
constexpr const char* kVersion = "1.0";

template <class M>
constexpr std::uint16_t id_of = cellmesh::MessageTraits<M>::id;

std::uint16_t id_of_request(const ChatRequest& request) {
  return std::visit([](const auto& message) { return id_of<std::decay_t<decltype(message)>>; }, request);
}

bool is_chat(const ChatRequest& request) { return std::holds_alternative<proto::ChatREQ>(request); }

std::string seconds(milliseconds time) { return std::to_string((time.count() + 999) / 1000) + " s"; }

std::string lines(std::size_t count) { return std::to_string(count) + (count == 1 ? " line" : " lines"); }

}  // namespace

ChatClient::ChatClient(ChatConfig config, ChatView& view)
    : config_(std::move(config)), view_(view), socket_(config_.trust), retry_(config_.first_retry) {}

void ChatClient::start() { log_in(); }

bool ChatClient::say(std::string_view line) {
  if (!takes_lines() || state_ == State::ended) return false;
  auto parsed = parse_chat_line(line.substr(0, kLongestLine), channel_);
  if (const auto* hint = std::get_if<ChatHint>(&parsed)) {
    view_.on_notice(hint->text);
    return true;
  }
  auto& request = waiting_.emplace_back(std::move(std::get<ChatRequest>(parsed)));
  if (auto* chat = std::get_if<proto::ChatREQ>(&request)) chat->set_request_id(prefix_ + std::to_string(++said_));
  if (const auto* join = std::get_if<proto::JoinChannelREQ>(&request)) channel_ = join->channel();
  if (std::holds_alternative<proto::LeaveChannelREQ>(request)) channel_.clear();
  if (state_ == State::online) send_waiting();
  return true;
}

ChatClient::Clock::time_point ChatClient::deadline() const {
  if (state_ == State::ended) return Clock::time_point::max();
  if (state_ != State::online) return until_;
  Clock::time_point soonest = next_ping_;
  if (!sent_.empty()) soonest = std::min({soonest, sent_.front().at + config_.echo_timeout, sent_.front().again_at});
  if (!waiting_.empty() && paused_until_ > Clock::now()) soonest = std::min(soonest, paused_until_);
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
      if (now < until_) break;
      if (socket_.move_on()) {
        until_ = now + config_.answer_timeout;
      } else {
        lose(peer_ + (socket_.reached() ? " did not answer within " : " could not be reached within ") +
             seconds(config_.answer_timeout));
      }
      break;
    case State::online:
      give_up_old_lines();
      repeat_unanswered();
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
  scheme_ = login->scheme;
  connect(State::logging_in, login);
  if (state_ != State::logging_in) return;
  proto::LoginREQ request;
  request.set_version(kVersion);
  request.set_platform("guest");
  request.set_uid(config_.name);
  request.set_protocol(proto::Version2);
  send(request);
}

void ChatClient::connect(State next, const base::Result<net::Address>& to) {
  closing_.clear();
  if (to.has_error()) return lose(to.error().text);
  peer_ = to->scheme == "tcp" ? to->to.text() : to->text();
  state_ = next;
  until_ = Clock::now() + config_.answer_timeout;
  if (const auto status = socket_.connect(*to); status.has_error()) {
    lose(connection_failed(status.error()));
  }
}

void ChatClient::verify(std::string_view body) {
  proto::LoginACK ack;
  if (!parse(ack, body)) return;
  if (ack.result() != proto::NoError)
    return lose("the login at " + peer_ + " let nobody in: " + describe(ack.result()));
  uid_ = ack.uid().empty() ? config_.name : ack.uid();
  game_ = printable(ack.game_svc_id());
  token_ = ack.game_token();
  const auto agent = bots::agent_address(ack, scheme_);
  if (!agent && ack.urls().empty()) {
    return lose("the login at " + peer_ + " named no agent: " + describe(proto::AgentAddressError));
  }
  connect(State::verifying, agent);
  if (state_ != State::verifying) return;
  proto::VerifyREQ request;
  request.set_game_token(token_);
  request.set_game_svc_id(ack.game_svc_id());
  request.set_protocol(proto::Version2);
  send(request);
}

void ChatClient::on_frame(std::uint16_t id, std::string_view body) {
  heard_ = Clock::now();
  if (id == id_of<proto::NoticeACK>) return on_notice(body);
  if (id == id_of<proto::LoginACK> && state_ == State::logging_in) return verify(body);
  if (id == id_of<proto::VerifyACK> && state_ == State::verifying) return on_verified(body);
  if (id == id_of<proto::ChatACK> && state_ != State::logging_in) return on_chat(body);
  if (id == id_of<proto::ChatDoneACK>) return on_answer<proto::ChatREQ, proto::ChatDoneACK>(body);
  if (id == id_of<proto::WhoACK>) return on_answer<proto::WhoREQ, proto::WhoACK>(body);
  if (id == id_of<proto::JoinChannelACK>) return on_answer<proto::JoinChannelREQ, proto::JoinChannelACK>(body);
  if (id == id_of<proto::LeaveChannelACK>) return on_answer<proto::LeaveChannelREQ, proto::LeaveChannelACK>(body);
  if (id == id_of<proto::FriendACK>) return on_answer<proto::FriendREQ, proto::FriendACK>(body);
  if (id == id_of<proto::PlayerACK>) return on_answer<proto::PlayerREQ, proto::PlayerACK>(body);
  if (id == id_of<proto::LevelUpACK>) return on_answer<proto::LevelUpREQ, proto::LevelUpACK>(body);
  if (id == id_of<proto::PresenceACK>) {
    proto::PresenceACK presence;
    if (parse(presence, body)) view_.on_notice(describe(presence));
  }
  if (id == id_of<proto::PingACK>) answers_pings_ = true;
}

void ChatClient::on_verified(std::string_view body) {
  proto::VerifyACK ack;
  if (!parse(ack, body)) return;
  if (ack.result() != proto::NoError)
    return lose("the agent at " + peer_ + " did not let you in: " + describe(ack.result()));
  if (!ack.uid().empty()) uid_ = ack.uid();
  state_ = State::online;
  trouble_.clear();
  answers_pings_ = false;
  online_since_ = Clock::now();
  next_ping_ = online_since_;
  view_.on_online(uid_, peer_, game_);
  const bool joins = !waiting_.empty() && std::holds_alternative<proto::JoinChannelREQ>(waiting_.front());
  if (channel_.empty() || joins) return;
  proto::JoinChannelREQ again;
  again.set_channel(channel_);
  waiting_.emplace_front(std::move(again));
}

void ChatClient::on_chat(std::string_view body) {
  proto::ChatACK ack;
  if (parse(ack, body)) view_.on_chat(show(ack));
}

// Of the request on its way, if that is what it answers. One that came too fast is sent again.
template <class Request, class Answer>
void ChatClient::on_answer(std::string_view body) {
  Answer ack;
  if (!parse(ack, body) || sent_.empty()) return;
  auto* found = std::get_if<Request>(&sent_.front().request);
  if (found == nullptr) return;
  if constexpr (requires { found->request_id(); }) {
    if (found->request_id() != ack.request_id()) return;
  }
  Request request = std::move(*found);
  sent_.pop_front();
  if constexpr (requires { ack.retry_after_ms(); }) {
    if (ack.result() == proto::TooFast && ack.retry_after_ms() > 0) {
      paused_until_ = Clock::now() + milliseconds(std::min(ack.retry_after_ms(), 60'000U));
      waiting_.emplace_front(std::move(request));
      return;
    }
  }
  ++echoed_;
  answered(request, ack);
}

void ChatClient::answered(const proto::ChatREQ& req, const proto::ChatDoneACK& ack) {
  if (ack.result() != proto::NoError) {
    --echoed_;
    ++lost_;
    return view_.on_notice(describe(ack.result(), ack.text()));
  }
  if (!req.to().empty()) view_.on_chat(show_sent(req));
  if (!ack.text().empty()) view_.on_notice(printable(ack.text()));
}

void ChatClient::answered(const proto::WhoREQ& /*req*/, const proto::WhoACK& ack) {
  view_.on_notice(ack.result() == proto::NoError ? describe(ack) : describe(ack.result(), ack.text()));
}

void ChatClient::answered(const proto::JoinChannelREQ& req, const proto::JoinChannelACK& ack) {
  if (ack.result() != proto::NoError) {
    if (channel_ == req.channel()) channel_.clear();
    return view_.on_notice(describe(ack.result(), ack.text()));
  }
  for (const auto& said : ack.history()) view_.on_chat(show(said));
  view_.on_notice("you are in [" + printable(req.channel()) + "], of " + std::to_string(ack.members()) +
                  "; /leave to talk to all again");
}

void ChatClient::answered(const proto::LeaveChannelREQ& req, const proto::LeaveChannelACK& ack) {
  view_.on_notice(ack.result() == proto::NoError ? "you left [" + printable(req.channel()) + "]"
                                                 : describe(ack.result(), ack.text()));
}

void ChatClient::answered(const proto::FriendREQ& /*req*/, const proto::FriendACK& ack) {
  view_.on_notice(ack.result() == proto::NoError ? describe(ack) : describe(ack.result(), ack.text()));
}

void ChatClient::answered(const proto::PlayerREQ& /*req*/, const proto::PlayerACK& ack) {
  view_.on_notice(ack.result() == proto::NoError ? describe(ack) : describe(ack.result(), ack.text()));
}

void ChatClient::answered(const proto::LevelUpREQ& /*req*/, const proto::LevelUpACK& ack) {
  if (ack.result() != proto::DataUnavailable) level_up_.clear();
  view_.on_notice(describe(ack));
}

void ChatClient::on_notice(std::string_view body) {
  proto::NoticeACK notice;
  if (!parse(notice, body)) return;
  if (closes(notice)) {
    closing_ = describe(notice);
    // Whoever took the place would be thrown out in turn.
    kicked_ = notice.code() == proto::NoticeACK::Kicked || notice.code() == proto::NoticeACK::Replaced;
    return;
  }
  if (!sent_.empty() && tells_of_a_drop(notice) && notice.msg_id() == id_of_request(sent_.front().request)) {
    if (notice.code() == proto::NoticeACK::MessageFailed && is_chat(sent_.front().request)) {
      // The service that another one takes the place of.
      sent_.front().again_at = std::min(sent_.front().again_at, Clock::now() + kFailedRetry);
      return;
    }
    sent_.pop_front();
    ++lost_;
  }
  view_.on_notice(describe(notice));
}

void ChatClient::send_waiting() {
  while (!waiting_.empty() && sent_.size() < kWindow && socket_.unsent() < kMostUnsent &&
         Clock::now() >= paused_until_) {
    if (auto* level_up = std::get_if<proto::LevelUpREQ>(&waiting_.front())) {
      if (level_up_.empty()) level_up_ = prefix_ + std::to_string(++said_);
      level_up->set_request_id(level_up_);
    }
    std::visit([this](const auto& request) { send(request); }, waiting_.front());
    const auto now = Clock::now();
    sent_.push_back({std::move(waiting_.front()), now, now + config_.repeat_after});
    waiting_.pop_front();
  }
}

// By the same id, so nobody hears a line twice: the service that got it may be gone, and another one took its place.
void ChatClient::repeat_unanswered() {
  const auto now = Clock::now();
  for (auto& sent : sent_) {
    if (now < sent.again_at) continue;
    std::visit([this](const auto& request) { send(request); }, sent.request);
    sent.again_at = now + config_.repeat_after;
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
  view_.on_notice(lines(old) + " of yours had no answer within " + seconds(config_.echo_timeout) +
                  "; say it again if nobody heard it");
}

std::string ChatClient::connection_failed(const base::Error& error) const {
  const bool no_login = state_ == State::logging_in && !socket_.reached();
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
