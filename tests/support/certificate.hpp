#pragma once

#include <filesystem>
#include <string>

namespace cm::test {

// Writes a new key and its certificate, signed by itself and good for an hour, as cert.pem and key.pem into the folder:
// each beside its place first and moved there, the key first. Throws when it cannot.
struct Certificate {
  std::filesystem::path certificate;
  std::filesystem::path private_key;
};
Certificate make_certificate(const std::filesystem::path& folder, const std::string& name = "localhost");

}  // namespace cm::test
