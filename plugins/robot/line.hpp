#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace robot {

// What a robot says: "#7/12/3 how are you?", the third line of robot 12 of the run with seed 7. So a hearer knows whose
// it is and which, and that it is of this run.
inline std::string make_line(std::uint64_t seed, std::uint64_t number, std::uint32_t count, std::string_view text) {
  return "#" + std::to_string(seed) + "/" + std::to_string(number) + "/" + std::to_string(count) + " " +
         std::string(text);
}

// Its key for Robot::heard(); nothing when it is no line of a robot of this run.
inline std::optional<std::uint64_t> key_of(std::string_view line, std::uint64_t seed) {
  const auto number = [&](char before, std::uint64_t& value) {
    if (line.empty() || line.front() != before) return false;
    const auto [end, ec] = std::from_chars(line.data() + 1, line.data() + line.size(), value);
    if (ec != std::errc()) return false;
    line.remove_prefix(static_cast<std::size_t>(end - line.data()));
    return true;
  };
  std::uint64_t of = 0, robot = 0, count = 0;
  if (!number('#', of) || !number('/', robot) || !number('/', count)) return std::nullopt;
  if (of != seed || robot > 0xffffffffU || count > 0xffffffffU) return std::nullopt;
  return robot << 32U | count;
}

}  // namespace robot
