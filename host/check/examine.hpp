#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace cm::check {

// How a test's process says, line by line on standard output, what it does and what came of it.
inline constexpr std::string_view kAt = "at: ";
inline constexpr std::string_view kOk = "ok";
inline constexpr std::string_view kFailed = "failed: ";
inline constexpr std::string_view kRefused = "refused: ";  // the sentence has its cure
inline constexpr std::string_view kSkipped = "skipped: ";
inline constexpr std::string_view kUntestable = "untestable: ";  // and so are those after it

// Runs one test in this process, which is for nothing else, and ends it.
[[noreturn]] void examine(const std::filesystem::path& file, std::uint64_t seed, const std::string& test);

}  // namespace cm::check
