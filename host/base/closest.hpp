#pragma once

#include <span>
#include <string>
#include <string_view>

namespace cm::base {

// The candidate that was probably meant by a mistyped word; empty when none is near enough.
std::string_view closest(std::string_view word, std::span<const std::string_view> candidates);

// The end of an error sentence: `; did you mean "services"?`, or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace cm::base
