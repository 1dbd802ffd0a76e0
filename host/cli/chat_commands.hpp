#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "client.pb.h"
#include "game.pb.h"
#include "social.pb.h"

namespace cm::cli {

// What a player asks for by a line: to say something, or one of the commands below.
using ChatRequest = std::variant<proto::ChatREQ, proto::WhoREQ, proto::JoinChannelREQ, proto::LeaveChannelREQ,
                                 proto::FriendREQ, proto::PlayerREQ, proto::LevelUpREQ>;

// Of a line that asks for nothing: what to tell the player, the list of commands for example.
struct ChatHint {
  std::string text;
};

// /who, /join CHANNEL, /leave, /msg UID TEXT, /friend [UID], /unfriend UID, /block [UID], /unblock UID, /me, /level,
// /help. Anything else is said, in `channel` unless that is empty; a line that is to begin with a slash begins with
// two. A level-up has no request id yet.
std::variant<ChatRequest, ChatHint> parse_chat_line(std::string_view line, const std::string& channel);

// As the player sees it: `uid: text`, `[channel] uid: text`, `uid -> you: text`.
std::string show(const proto::ChatACK& said);
// `you -> uid: text`.
std::string show_sent(const proto::ChatREQ& req);
std::string describe(const proto::WhoACK& ack);
std::string describe(const proto::FriendACK& ack);
std::string describe(const proto::PresenceACK& presence);
std::string describe(const proto::PlayerACK& player);
// Also of one that was refused.
std::string describe(const proto::LevelUpACK& ack);

}  // namespace cm::cli
