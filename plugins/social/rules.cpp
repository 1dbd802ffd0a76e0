#include "rules.hpp"

#include <algorithm>
#include <cmath>

namespace social {
namespace {

constexpr std::size_t max_name = 32;

bool small_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

double missing(const proto::SocialBucket& bucket, const Rate& rate, std::chrono::milliseconds now) {
  if (rate.per_sec <= 0) return 0;
  const double passed = static_cast<double>(std::max<std::int64_t>(now.count() - bucket.at_ms(), 0)) / 1000;
  return std::max(bucket.spent() - passed * rate.per_sec, 0.0);
}

std::uint32_t take(proto::SocialBucket& bucket, const Rate& rate, std::chrono::milliseconds now) {
  if (rate.per_sec <= 0) return 0;
  const double spent = missing(bucket, rate, now);
  bucket.set_at_ms(now.count());
  bucket.set_spent(spent);
  const double over = spent + 1 - rate.burst;
  if (over > 1e-9) return static_cast<std::uint32_t>(std::clamp(std::ceil(over / rate.per_sec * 1000), 1.0, 3.6e6));
  bucket.set_spent(spent + 1);
  return 0;
}

proto::ResultCode check_text(std::string_view text, std::uint32_t most) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return proto::TextEmpty;
  const auto characters = std::count_if(text.begin(), text.end(), [](char c) { return (c & '\xC0') != '\x80'; });
  return characters > static_cast<std::ptrdiff_t>(most) ? proto::TextTooLong : proto::NoError;
}

bool good_channel(std::string_view name) {
  return !name.empty() && name.size() <= max_name &&
         std::all_of(name.begin(), name.end(), [](char c) { return small_or_digit(c) || c == '-'; });
}

}  // namespace social
