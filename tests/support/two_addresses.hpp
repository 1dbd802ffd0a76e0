#pragma once

#include <dlfcn.h>
#include <netdb.h>

#include <string_view>

namespace cm::test {

// A name of two addresses: 127.0.0.2, where nobody is unless the test is, and then 127.0.0.1.
inline constexpr const char* kTwoAddresses = "two-addresses.test";

}  // namespace cm::test

// In place of the C library's, which it asks for all other names: one file of a test program includes this header.
// NOLINTNEXTLINE(misc-definitions-in-headers)
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
  static const auto real = reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  if (node == nullptr || std::string_view(node) != cm::test::kTwoAddresses) return real(node, service, hints, found);
  if (const int rc = real("127.0.0.2", service, hints, found); rc != 0) return rc;
  addrinfo* last = *found;
  while (last->ai_next != nullptr) last = last->ai_next;
  return real("127.0.0.1", service, hints, &last->ai_next);
}
