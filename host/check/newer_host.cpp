#include "check/newer_host.hpp"

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace cm::check {
namespace {

constexpr std::uint32_t kMore = 64;  // bytes that a later minor added to each struct
constexpr std::uint16_t kMinor = CM_ABI_MINOR + 7;

struct LongHost {
  cm_host host;
  unsigned char more[kMore];
};
struct LongMessage {
  cm_message message;
  unsigned char more[kMore];
};

// Hooks have no place for a pointer of ours.
const cm_service_kind* real;
const cm_host* real_host;
LongHost long_host;
std::map<std::string, std::vector<unsigned char>> long_extensions;

const void* extension(const cm_host* /*host*/, const char* id) {
  const void* found = real_host->get_extension(real_host, id);
  if (found == nullptr) return nullptr;
  std::uint32_t size = 0;
  std::memcpy(&size, found, sizeof size);  // all begin with it
  auto& bytes = long_extensions[id];
  bytes.assign(size + kMore, 0xa5);
  std::memcpy(bytes.data(), found, size);
  size += kMore;
  std::memcpy(bytes.data(), &size, sizeof size);
  return bytes.data();
}

void* create(const cm_host* host) {
  real_host = host;
  std::memset(&long_host, 0xa5, sizeof long_host);
  long_host.host = *host;
  long_host.host.struct_size = sizeof long_host;
  long_host.host.abi_minor = kMinor;
  long_host.host.get_extension = &extension;
  return real->create(&long_host.host);
}

cm_status on_message(void* self, const cm_message* message) {
  LongMessage longer;
  std::memset(&longer, 0xa5, sizeof longer);
  longer.message = *message;
  longer.message.struct_size = sizeof longer;
  return real->on_message(self, &longer.message);
}

}  // namespace

NewerHost::NewerHost(const cm_service_kind& kind) : kind_(kind) {
  real = &kind;
  kind_.create = &create;
  kind_.on_message = &on_message;
}

NewerHost::~NewerHost() { real = nullptr; }

}  // namespace cm::check
