#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "social.pb.h"

namespace social {

struct Rate {
  double per_sec = 0;  // 0: no limit
  double burst = 1;
};

// Takes one out of the bucket. 0, or milliseconds until there is one.
std::uint32_t take(proto::SocialBucket& bucket, const Rate& rate, std::chrono::milliseconds now);

// What is missing in it now.
double missing(const proto::SocialBucket& bucket, const Rate& rate, std::chrono::milliseconds now);

// NoError, TextEmpty for nothing but blanks, TextTooLong for more characters than `most`. The text is UTF-8.
proto::ResultCode check_text(std::string_view text, std::uint32_t most);

// 1 to 32 of a-z, 0-9 and "-".
bool good_channel(std::string_view name);

}  // namespace social
