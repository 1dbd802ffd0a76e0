#include "cli/chat_commands.hpp"

#include <algorithm>
#include <array>

#include "cli/chat_notices.hpp"
#include "cli/text.hpp"

namespace cm::cli {
namespace {

using proto::FriendREQ;
using Parsed = std::variant<ChatRequest, ChatHint>;

constexpr std::string_view kHelp =
    "/who, /join CHANNEL, /leave, /msg UID TEXT, /friend [UID], /unfriend UID, /block [UID], /unblock UID, /me, "
    "/level; "
    "anything else is said to all, or in the channel that you joined";

// Takes the first word off the front, and the blanks behind it.
std::string_view take_word(std::string_view& line) {
  const auto end = std::min(line.find_first_of(" \t"), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(line.find_first_not_of(" \t", end), line.size()));
  return word;
}

proto::ChatREQ say(std::string_view content, const std::string& channel) {
  proto::ChatREQ req;
  req.set_content(valid_utf8(content));
  req.set_channel(channel);
  return req;
}

struct FriendCommand {
  std::string_view name;
  FriendREQ::What what;
  bool lists;  // without a uid
};
constexpr std::array<FriendCommand, 4> kFriendCommands{{{"/friend", FriendREQ::Add, true},
                                                        {"/unfriend", FriendREQ::Remove, false},
                                                        {"/block", FriendREQ::Block, true},
                                                        {"/unblock", FriendREQ::Unblock, false}}};

std::string list(const google::protobuf::RepeatedPtrField<std::string>& uids) {
  std::string out;
  for (const auto& uid : uids) out += (out.empty() ? "" : ", ") + printable(uid);
  return out.empty() ? "nobody" : out;
}

}  // namespace

Parsed parse_chat_line(std::string_view line, const std::string& channel) {
  if (line.empty() || line.front() != '/') return say(line, channel);
  if (line.substr(0, 2) == "//") return say(line.substr(1), channel);
  const std::string_view command = take_word(line);
  if (command == "/who") {
    proto::WhoREQ req;
    req.set_channel(line.empty() ? channel : valid_utf8(take_word(line)));
    return req;
  }
  if (command == "/join") {
    if (line.empty()) return ChatHint{"/join CHANNEL: 1 to 32 of a-z, 0-9 and \"-\""};
    proto::JoinChannelREQ req;
    req.set_channel(valid_utf8(take_word(line)));
    return req;
  }
  if (command == "/leave") {
    proto::LeaveChannelREQ req;
    req.set_channel(line.empty() ? channel : valid_utf8(take_word(line)));
    if (req.channel().empty()) return ChatHint{"you are in no channel; /join CHANNEL enters one"};
    return req;
  }
  if (command == "/msg") {
    const std::string to = valid_utf8(take_word(line));
    if (to.empty() || line.empty()) return ChatHint{"/msg UID TEXT: says it to that player alone"};
    auto req = say(line, {});
    req.set_to(to);
    return req;
  }
  if (command == "/me") return proto::PlayerREQ();
  if (command == "/level") return proto::LevelUpREQ();
  for (const auto& known : kFriendCommands) {
    if (command != known.name) continue;
    FriendREQ req;
    req.set_uid(valid_utf8(take_word(line)));
    if (req.uid().empty() && !known.lists) return ChatHint{std::string(known.name) + " UID"};
    req.set_what(req.uid().empty() ? FriendREQ::List : known.what);
    return req;
  }
  return ChatHint{(command == "/help" ? "" : "there is no " + printable(command) + "; ") + std::string(kHelp)};
}

std::string show(const proto::ChatACK& said) {
  if (said.from().empty()) return said.content();
  const std::string place = said.channel().empty() ? "" : "[" + said.channel() + "] ";
  return place + said.from() + (said.to().empty() ? "" : " -> you") + ": " + said.content();
}

std::string show_sent(const proto::ChatREQ& req) { return "you -> " + req.to() + ": " + req.content(); }

std::string describe(const proto::WhoACK& ack) {
  std::string out = std::to_string(ack.count());
  out += ack.channel().empty() ? " online: " : " in [" + printable(ack.channel()) + "]: ";
  out += list(ack.uid());
  if (static_cast<std::uint32_t>(ack.uid_size()) < ack.count()) out += " ...";
  return out;
}

std::string describe(const proto::FriendACK& ack) {
  std::string out = "friends: ";
  for (const auto& one : ack.friends()) {
    out += (&one == &ack.friends(0) ? "" : ", ") + printable(one.uid()) + (one.online() ? " (online)" : "");
  }
  if (ack.friends().empty()) out += "nobody";
  if (!ack.blocked().empty()) out += "; blocked: " + list(ack.blocked());
  return out;
}

std::string describe(const proto::PresenceACK& presence) {
  return printable(presence.uid()) + (presence.online() ? " is online" : " has left");
}

std::string describe(const proto::PlayerACK& player) {
  return printable(player.uid()) + ": level " + std::to_string(player.level()) + ", " + std::to_string(player.coins()) +
         " coins, " + std::to_string(player.experience()) + " experience; " +
         (player.next_price() == 0 ? "there is no higher level"
                                   : "the next level costs " + std::to_string(player.next_price()) + " coins");
}

std::string describe(const proto::LevelUpACK& ack) {
  const std::string said = describe(ack.result(), ack.text());
  if (ack.result() == proto::NoError) return "you are on " + said;
  return ack.result() == proto::NotEnoughCoins && !ack.text().empty() ? "your coins do not suffice: " + said : said;
}

}  // namespace cm::cli
