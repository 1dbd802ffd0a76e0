#include "net/descriptors.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace cm::net {
namespace {

constexpr std::uint64_t kUnlimited = 1U << 30U;
constexpr std::uint64_t kMinReserve = 64;
constexpr std::uint64_t kMaxReserve = 1024;
constexpr std::uint64_t kShare = 16;  // of the limit

}  // namespace

DescriptorLimits descriptor_limits() {
  rlimit now{};
  if (::getrlimit(RLIMIT_NOFILE, &now) != 0) return {kUnlimited, kMaxReserve};
  const std::uint64_t limit = std::min<std::uint64_t>(now.rlim_cur, kUnlimited);
  return {limit, std::min(limit / 2, std::clamp(limit / kShare, kMinReserve, kMaxReserve))};
}

}  // namespace cm::net
