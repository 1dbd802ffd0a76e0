#include "bots/robot.hpp"

#include <exception>
#include <utility>

#include "bots/agent_address.hpp"
#include "bots/host_side.hpp"
#include "bots/run.hpp"
#include "client.cellmesh.hpp"

namespace cm::bots {
namespace {

constexpr std::size_t kMostTimers = 1'000;
constexpr const char* kVersion = "1.0";

template <class M>
constexpr std::uint16_t id_of = cellmesh::MessageTraits<M>::id;

std::uint64_t now_us() {
  using namespace std::chrono;
  return static_cast<std::uint64_t>(duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count());
}

template <class M>
bool parse(M& message, std::span<const std::byte> body) {
  return message.ParseFromArray(body.data(), static_cast<int>(body.size()));
}

template <class M>
Connection::Sent send_message(Connection& connection, const M& message) {
  const std::string body = message.SerializeAsString();
  return connection.send(id_of<M>, std::as_bytes(std::span(body)));
}

// "PlatformOff", or the number of a result that is not known here.
std::string result_name(proto::ResultCode result) {
  const std::string& name = proto::ResultCode_Name(result);
  return name.empty() ? "result " + std::to_string(static_cast<int>(result)) : name;
}

}  // namespace

struct Robot::Entrance {
  std::string scheme;  // of the login, and so of the agent
  std::string uid, platform, secret;
  bool create = false;
  std::string token, game;
  std::uint64_t begun_us = 0;
  std::uint64_t step_us = 0;
  bool answered = false;  // by the login, which closes then
};

Robot::Robot(Run& run, std::uint64_t number)
    : run_(run),
      number_(number),
      name_("bot" + std::to_string(run.config().seed) + "-" + std::to_string(number)),
      id_(std::string(run.kind().kind) + "#" + std::to_string(number) + "@bots") {
  host_.struct_size = sizeof host_;
  host_.abi_major = CM_ABI_MAJOR;
  host_.abi_minor = CM_ABI_MINOR;
  host_.host_data = this;
  host_.service_id = id_.c_str();
  host_.kind = run.kind().kind;
  host_.group = "bots";
  host_.index = static_cast<std::uint32_t>(number);
  host_.get_extension = &host_extension;
  host_.report_fault = &host_report_fault;
}

Robot::~Robot() {
  drop(false);
  stop_timers();
  if (self_ != nullptr) {
    (void)hook("destroy", {}, [&] {
      run_.kind().destroy(self_);
      return CM_OK;
    });
  }
}

template <class Work>
cm_status Robot::hook(const char* name, std::string_view detail, Work&& work) {
  const char* outer = std::exchange(hook_, name);
  const std::string_view outer_detail = std::exchange(hook_detail_, detail);
  faulted_ = false;
  cm_status status = CM_FAULT;
  try {
    status = std::forward<Work>(work)();
  } catch (const std::exception& e) {
    report_fault(std::string("an exception left the hook: ") + e.what());
  } catch (...) {
    report_fault("an exception of an unknown type left the hook");
  }
  if (status == CM_FAULT && !faulted_) report_fault("it did not say why");
  hook_ = outer;
  hook_detail_ = outer_detail;
  return status;
}

void Robot::report_fault(std::string_view what) {
  faulted_ = true;
  std::string where = hook_ != nullptr ? hook_ : "no hook";
  if (!hook_detail_.empty()) where.append(" ").append(hook_detail_);
  run_.note_fault(where, name_ + ": " + std::string(what.substr(0, 1000)));
}

bool Robot::start() {
  (void)hook("create", {}, [&] {
    self_ = run_.kind().create(&host_);
    return CM_OK;
  });
  if (self_ == nullptr) {
    trouble_ = "it refused to be made";
    return false;
  }
  robot_ = static_cast<const cm_plugin_robot*>(run_.kind().get_extension(self_, CM_EXT_ROBOT));
  if (robot_ != nullptr && robot_->struct_size < sizeof(cm_plugin_robot)) robot_ = nullptr;
  timer_ = static_cast<const cm_plugin_timer*>(run_.kind().get_extension(self_, CM_EXT_TIMER));
  const cm_status status = hook("start", {}, [&] { return run_.kind().start(self_); });
  if (status == CM_OK) return true;
  trouble_ = "it refused to start: status " + std::to_string(status);
  return false;
}

void Robot::finish() {
  finishing_ = true;
  if (self_ == nullptr || robot_ == nullptr || robot_->on_finish == nullptr) return set_done();
  (void)hook("on_finish", {}, [&] {
    robot_->on_finish(self_);
    return CM_OK;
  });
}

void Robot::set_done() {
  if (std::exchange(done_, true)) return;
  run_.note_done();
}

// --- the way in

void Robot::login(std::string uid, std::string platform, std::string secret, bool create) {
  drop(false);
  entrance_ = std::make_unique<Entrance>();
  entrance_->uid = std::move(uid);
  entrance_->platform = std::move(platform);
  entrance_->secret = std::move(secret);
  entrance_->create = create;
  entrance_->begun_us = entrance_->step_us = now_us();
  const auto to = run_.login_address();
  if (!to) {
    stage_ = Stage::logging_in;
    trouble_ = to.error().text;
    // Its caller's hook must come to its end before on_closed comes.
    stage_timer_ = run_.engine().timers().add(plugin::now_ms(), {.robot = this});
    return;
  }
  entrance_->scheme = to->scheme;
  open(Stage::logging_in, *to);
}

void Robot::connect(const net::Address& to) {
  drop(false);
  open(Stage::connecting, to);
}

void Robot::open(Stage stage, const net::Address& to) {
  stage_ = stage;
  trouble_.clear();
  notice_ = 0;
  notice_text_.clear();
  connection_ = Connection::open(run_.engine(), *this, to);
  const auto due = plugin::after(plugin::now_ms(), static_cast<std::uint64_t>(run_.config().timeout.count()));
  if (stage_timer_ != 0) (void)run_.engine().timers().take(stage_timer_);
  stage_timer_ = run_.engine().timers().add(due, {.robot = this});
}

void Robot::on_open() {
  if (stage_ == Stage::logging_in) {
    proto::LoginREQ req;
    req.set_version(kVersion);
    req.set_platform(entrance_->platform);
    req.set_uid(entrance_->uid);
    req.set_secret(entrance_->secret);
    req.set_create(entrance_->create);
    req.set_protocol(proto::Version2);
    (void)send_message(*connection_, req);
  } else if (stage_ == Stage::verifying) {
    proto::VerifyREQ req;
    req.set_game_token(entrance_->token);
    req.set_game_svc_id(entrance_->game);
    req.set_protocol(proto::Version2);
    (void)send_message(*connection_, req);
  } else if (stage_ == Stage::connecting) {
    enter();
  }
}

void Robot::on_frame(std::uint16_t id, std::span<const std::byte> body) {
  ++run_.stats().received;
  if (id == id_of<proto::NoticeACK>) on_notice(body);
  if (stage_ == Stage::playing) {
    deliver(id, body);
  } else if (stage_ == Stage::logging_in && id == id_of<proto::LoginACK>) {
    on_login(body);
  } else if (stage_ == Stage::verifying && id == id_of<proto::VerifyACK>) {
    on_verified(body);
  }
}

void Robot::on_login(std::span<const std::byte> body) {
  proto::LoginACK ack;
  if (!parse(ack, body)) return lose("login: bad message", "the login's answer does not parse");
  const std::uint64_t now = now_us();
  if (ack.result() != proto::NoError) {
    return lose("login: " + result_name(ack.result()), ack.text().empty() ? result_name(ack.result()) : ack.text(),
                ack.result(), ack.retry_after_ms());
  }
  run_.stats().measure("login", now - entrance_->step_us);
  const auto to = agent_address(ack, entrance_->scheme);
  if (!to) return lose("login: no agent by " + entrance_->scheme, to.error().text);
  entrance_->token = ack.game_token();
  entrance_->game = ack.game_svc_id();
  entrance_->step_us = now;
  connection_->close(false);
  open(Stage::verifying, *to);
}

void Robot::on_verified(std::span<const std::byte> body) {
  proto::VerifyACK ack;
  if (!parse(ack, body)) return lose("verify: bad message", "the verify's answer does not parse");
  if (ack.result() != proto::NoError) {
    return lose("verify: " + result_name(ack.result()), ack.text().empty() ? result_name(ack.result()) : ack.text(),
                ack.result());
  }
  const std::uint64_t now = now_us();
  run_.stats().measure("verify", now - entrance_->step_us);
  run_.stats().measure("enter", now - entrance_->begun_us);
  enter();
}

void Robot::on_notice(std::span<const std::byte> body) {
  proto::NoticeACK notice;
  if (!parse(notice, body)) return;
  const std::string& name = proto::NoticeACK_Code_Name(notice.code());
  if (notice.code() >= proto::NoticeACK::MessageBlocked) {
    return run_.stats().error("notice: " + name, notice.text());
  }
  notice_ = notice.code();
  notice_text_ = notice.text();
}

void Robot::enter() {
  stage_ = Stage::playing;
  if (stage_timer_ != 0) (void)run_.engine().timers().take(std::exchange(stage_timer_, 0));
  entrance_.reset();
  was_online_ = true;
  counted_online_ = true;
  run_.note_online(true);
  ++run_.stats().entered;
  if (robot_ == nullptr || robot_->on_connected == nullptr) return;
  (void)hook("on_connected", {}, [&] {
    robot_->on_connected(self_);
    return CM_OK;
  });
}

void Robot::deliver(std::uint16_t id, std::span<const std::byte> body) {
  cm_message message{};
  message.struct_size = sizeof message;
  message.id = id;
  message.request.from = 1;
  message.body = reinterpret_cast<const std::uint8_t*>(body.data());
  message.body_size = body.size();
  const cm_status status =
      hook("on_message", run_.message_name(id), [&] { return run_.kind().on_message(self_, &message); });
  if (status == CM_BAD_MESSAGE)
    run_.stats().error("bad message", std::string(run_.message_name(id)) + " does not parse");
}

// --- the way out

void Robot::on_end(const std::string& why) {
  const std::string said = notice_text_.empty() ? why : notice_text_;
  const std::string notice =
      notice_ != 0 ? ": " + proto::NoticeACK_Code_Name(static_cast<proto::NoticeACK_Code>(notice_)) : "";
  switch (stage_) {
    case Stage::logging_in:
      run_.note_login_failed();
      return lose("login: connection" + notice, said, notice_);
    case Stage::verifying:
      return lose("verify: connection" + notice, said, notice_);
    case Stage::connecting:
      return lose("connect", said, notice_);
    case Stage::playing:
      return lose("connection lost" + notice, said, notice_);
    case Stage::idle:
      break;
  }
}

void Robot::lose(const std::string& kind, const std::string& why, std::int32_t code, std::uint32_t retry_after_ms) {
  cm_robot_end end{};
  end.struct_size = sizeof end;
  end.stage = stage_ == Stage::playing ? CM_ROBOT_PLAY : stage_ == Stage::logging_in ? CM_ROBOT_LOGIN : CM_ROBOT_VERIFY;
  end.code = code;
  end.retry_after_ms = retry_after_ms;
  const std::string text = why;
  drop(false);
  trouble_ = kind + ": " + text;
  end.text = text.c_str();
  run_.stats().error(kind, name_ + ": " + text);
  if (robot_ == nullptr || robot_->on_closed == nullptr) return;
  (void)hook("on_closed", kind, [&] {
    robot_->on_closed(self_, &end);
    return CM_OK;
  });
}

void Robot::close(bool abort) { drop(abort); }

void Robot::drop(bool abort) {
  stage_ = Stage::idle;
  entrance_.reset();
  if (stage_timer_ != 0) (void)run_.engine().timers().take(std::exchange(stage_timer_, 0));
  if (connection_) std::exchange(connection_, nullptr)->close(abort);
  if (!std::exchange(counted_online_, false)) return;
  run_.note_online(false);
  run_.deliveries().leave_all(number_);
}

cm_status Robot::send(std::uint16_t id, std::span<const std::byte> body) {
  if (stage_ != Stage::playing) return CM_UNAVAILABLE;
  switch (connection_->send(id, body)) {
    case Connection::Sent::yes:
      ++run_.stats().sent;
      return CM_OK;
    case Connection::Sent::full:
      return CM_BACKPRESSURE;
    case Connection::Sent::not_open:
      break;
  }
  return CM_UNAVAILABLE;
}

// --- timers

cm_status Robot::start_timer(std::uint64_t delay_ms, std::uint64_t period_ms, std::string_view handler,
                             std::string_view cookie, cm_timer* out) {
  if (timers_ >= kMostTimers) return CM_BACKPRESSURE;
  auto& engine = run_.engine();
  const auto number = engine.timers().add(plugin::after(plugin::now_ms(), delay_ms),
                                          {this, engine.intern(handler), std::string(cookie), period_ms});
  ++timers_;
  if (out != nullptr) *out = number;
  return CM_OK;
}

cm_status Robot::cancel_timer(cm_timer timer) {
  auto& timers = run_.engine().timers();
  const Engine::Timer* found = timers.find(timer);
  if (found == nullptr || found->robot != this || found->handler == nullptr) return CM_NOT_FOUND;
  (void)timers.take(timer);
  --timers_;
  return CM_OK;
}

void Robot::stop_timers() {
  if (timers_ == 0) return;
  auto& timers = run_.engine().timers();
  for (const auto number : timers.ids_if([this](const Engine::Timer& timer) { return timer.robot == this; })) {
    (void)timers.take(number);
  }
  timers_ = 0;
}

void Robot::on_timer(std::uint64_t number, const std::string* handler, const std::string& cookie) {
  if (handler == nullptr) {
    stage_timer_ = 0;
    if (stage_ == Stage::logging_in) run_.note_login_failed();
    if (!connection_) return lose("login: no address", std::string(trouble_));
    connection_->give_up_address();
    const std::string seconds = std::to_string(run_.config().timeout.count() / 1000);
    return lose(stage_ == Stage::logging_in  ? "login: timeout"
                : stage_ == Stage::verifying ? "verify: timeout"
                                             : "connect",
                "no answer within " + seconds + " s");
  }
  if (run_.engine().timers().find(number) == nullptr) --timers_;
  if (timer_ == nullptr || timer_->on_timer == nullptr) return;
  (void)hook("on_timer", *handler, [&] {
    return timer_->on_timer(self_, number, handler->c_str(), reinterpret_cast<const std::uint8_t*>(cookie.data()),
                            cookie.size());
  });
}

}  // namespace cm::bots
