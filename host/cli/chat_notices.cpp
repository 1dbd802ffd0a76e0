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
    case Notice::Replaced:
      return "you came in again from elsewhere";
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
    case proto::PlatformOff:
      return "there is no such way to log in, or it is switched off; guests are let in when the setting "
             "login/allow_guests is true";
    case proto::BadName:
      return "that is no name: 1 to 32 of a-z, A-Z, 0-9, \"-\", \"_\" and \".\"";
    case proto::WrongCredentials:
      return "no account has this name and this password";
    case proto::TooManyAttempts:
      return "that was tried too often; wait a while";
    case proto::AccountExists:
      return "there is an account of this name already";
    case proto::BadSecret:
      return "that password is too short or too long";
    case proto::DataUnavailable:
      return "accounts or players cannot be read now; nothing was changed, try again";
    case proto::TokenMissing:
      return "there was no token from a login";
    case proto::TokenMalformed:
      return "the token of the login is none, or was cut short";
    case proto::TokenAlgorithm:
      return "the token is not signed as tokens are";
    case proto::TokenKeyUnknown:
      return "the token is signed by a key that no login published";
    case proto::TokenSignature:
      return "the token's signature is wrong";
    case proto::TokenExpired:
      return "the token has expired";
    case proto::TokenNotYetValid:
      return "the token is not valid yet; look at the clocks of login and agent";
    case proto::TokenReplayed:
      return "somebody entered with this token already";
    case proto::TokenWrongAgent:
      return "the token is for another agent, or for this one before it was restarted";
    case proto::TokenClaims:
      return "the token does not say all that it must";
    case proto::NotEnoughCoins:
      return "your coins do not suffice";
    case proto::HighestLevel:
      return "there is no higher level";
    case proto::BadRequestId:
      return "the game takes no such request";
    case proto::NotInGame:
      return "the game does not know you; come in again";
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
