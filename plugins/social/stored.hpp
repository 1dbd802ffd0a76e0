#pragma once

#include <algorithm>
#include <string>

#include "data.pb.h"
#include "social.pb.h"

namespace social {

// Lists of uids as messages hold them.
template <typename List>
bool contains(const List& list, const std::string& uid) {
  return std::find(list.begin(), list.end(), uid) != list.end();
}
template <typename List>
void remove(List& list, const std::string& uid) {
  list.erase(std::remove(list.begin(), list.end(), uid), list.end());
}

inline proto::DataKey key_of(const char* table, const std::string& key) {
  proto::DataKey out;
  out.set_table(table);
  out.set_key(key);
  return out;
}
inline proto::DataKey player_key(const std::string& uid) { return key_of("social", "player/" + uid); }
inline proto::DataKey channel_key(const std::string& name) { return key_of("social", "channel/" + name); }

// A player's row, and those that tell besides it whether that uid was ever here: who has an account or plays a game is
// somebody.
inline proto::LoadDataREQ load_player(const std::string& uid) {
  proto::LoadDataREQ req;
  *req.add_keys() = player_key(uid);
  *req.add_keys() = key_of("players", uid);
  *req.add_keys() = key_of("accounts", uid);
  return req;
}
inline bool any_row(const proto::LoadDataACK& ack) {
  return std::any_of(ack.rows().begin(), ack.rows().end(), [](const auto& row) { return row.version() > 0; });
}

// Whether the player is here, and something that it missed was not sent to it yet.
inline bool mail_waits(const proto::SocialRecord& record) {
  const auto& mail = record.data().mail();
  return record.begun() && !mail.empty() && mail.rbegin()->said().id() > record.sent();
}

}  // namespace social
