#include "cli/chat_notices.hpp"

#include <string_view>

#include "cli/text.hpp"

namespace cm::cli {
namespace {

std::string_view meaning(int code) {
  using Notice = proto::NoticeACK;
  switch (code) {
    case Notice::Malformed:
      return "the gateway could not read what this client sent";
    case Notice::TooLarge:
      return "a message was larger than the gateway takes";
    case Notice::TooSlow:
      return "this client did not read fast enough, messages to it were dropped";
    case Notice::Blocked:
      return "this client sent too many messages that no service takes";
    case Notice::NotAdmitted:
      return "this client was not let in in time";
    case Notice::Idle:
      return "nothing was heard of this client for too long";
    case Notice::Kicked:
      return "you were kicked";
    case Notice::GoingDown:
      return "the gateway is going down";
    case Notice::Full:
      return "the gateway is full";
    case Notice::MessageBlocked:
      return "your message was dropped, no route leads to a service that takes it";
    case Notice::MessageNotAdmitted:
      return "your message was dropped, you were not let in yet";
    case Notice::MessageMalformed:
      return "your message was dropped, the service could not read it";
    case Notice::NoService:
      return "your message was dropped, no service that takes it is up";
    case Notice::BackendLost:
      return "the service that you were on is gone; another one takes its place when there is one";
    case Notice::BoundAnew:
      return "another service took over, go on";
    case Notice::MessageRefused:
      return "your message was dropped, the service does not take it";
    case Notice::MessageFailed:
      return "the service failed on your message";
    case Notice::AlreadyVerified:
      return "you were let in before, nothing changed";
    default:
      return {};
  }
}

}  // namespace

std::string describe(const proto::NoticeACK& notice) {
  std::string out(meaning(notice.code()));
  if (out.empty()) out = "the gateway tells notice " + std::to_string(static_cast<int>(notice.code()));
  if (!notice.service().empty()) out += " (" + printable(notice.service()) + ")";
  if (!notice.text().empty()) out += ": " + printable(notice.text());
  return out;
}

std::string describe(proto::ResultCode result) {
  switch (static_cast<int>(result)) {
    case proto::AgentNotFound:
      return "no agent is up; start a host with the agent plugin, or wait for it";
    case proto::AgentAddressError:
      return "the agent has no address for clients; give it one with `cellmesh ctl settings set agent/public_host "
             "HOST`";
    case proto::GameNotFound:
      return "no game is up; start a host with the game plugin, or wait for it";
    default:
      return "result " + std::to_string(static_cast<int>(result));
  }
}

std::string describe(proto::ResultCode result, const std::string& text) {
  return text.empty() ? describe(result) : printable(text);
}

bool closes(const proto::NoticeACK& notice) { return notice.code() > 0 && notice.code() < 100; }

bool tells_of_a_drop(const proto::NoticeACK& notice) {
  switch (static_cast<int>(notice.code())) {
    case proto::NoticeACK::MessageBlocked:
    case proto::NoticeACK::MessageNotAdmitted:
    case proto::NoticeACK::MessageMalformed:
    case proto::NoticeACK::NoService:
    case proto::NoticeACK::MessageRefused:
    case proto::NoticeACK::MessageFailed:
      return true;
    default:
      return false;
  }
}

}  // namespace cm::cli
