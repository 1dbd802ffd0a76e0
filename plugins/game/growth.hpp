// How a player grows: what levels cost and experience brings. Rules alone, without a database or a clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../tokens/uid.hpp"
#include "game.pb.h"

namespace growth {

inline constexpr std::size_t max_request_id = 64;  // bytes
inline constexpr int remembered_writes = 16;

using Changes = std::vector<proto::CoinChange>;

// The price of the level above; 0 when there is none.
std::uint64_t next_price(const proto::PlayerData& player, const proto::GameSettings& settings);

// A player who was never here before.
proto::PlayerData new_player(const proto::GameSettings& settings, Changes& changes);

// Adds experience, and the coins that it brings.
void gain(proto::PlayerData& player, std::uint64_t experience, const proto::GameSettings& settings, Changes& changes);

// What this request was answered; null when it is not remembered.
const proto::PlayerData::Answer* answer_to(const proto::PlayerData& player, const std::string& request_id);

// Pays for the next level, or not; the player remembers the answer.
void level_up(proto::PlayerData& player, const std::string& request_id, const proto::GameSettings& settings,
              Changes& changes);

// The answer for people.
std::string text(const proto::PlayerData::Answer& answer);

// Marks a write in the row that it makes.
void mark(proto::PlayerData& player, std::uint64_t write);
// The version that the row had when this write made it; 0 when it is not among its last ones.
std::uint64_t version_of(const proto::PlayerData& player, std::uint64_t version, std::uint64_t write);

using tokens::is_uid;

}  // namespace growth
