#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "check/steps.hpp"
#include "check/test.hpp"

namespace cm::check {

// What a test's process says on standard output of what it found.
inline constexpr std::string_view kOk = "ok";
inline constexpr std::string_view kFailed = "failed: ";
inline constexpr std::string_view kRefused = "refused: ";  // the sentence has its cure
inline constexpr std::string_view kSkipped = "skipped: ";
inline constexpr std::string_view kUntestable = "untestable: ";  // and so are those after it

// Runs one test in this process, which is for nothing else, and ends it. `steps` is told what it does next. `file`
// stands in a folder of the check's own: below it the test gets one that is working directory, home and place for
// temporary files.
[[noreturn]] void examine(const std::filesystem::path& file, std::uint64_t seed, const Test& test, Steps& steps);

}  // namespace cm::check
