#pragma once

#include <chrono>
#include <filesystem>
#include <string>

namespace cm::test {

// Whom a certificate is for, and until when.
struct CertificateOf {
  std::string name = "localhost";
  std::string address = "127.0.0.1";
  std::chrono::seconds life{3600};  // below 0: it has expired
  std::filesystem::path ca = {};    // folder of the one that signs it; empty: it signs itself
  bool is_ca = false;               // it may sign others
};
struct Certificate {
  std::filesystem::path certificate;
  std::filesystem::path private_key;
};
// Writes a new key and its certificate, signed by itself, as cert.pem and key.pem into the folder: each beside its
// place first and moved there, the key first. Throws when it cannot.
Certificate make_certificate(const std::filesystem::path& folder, const CertificateOf& of = {});

}  // namespace cm::test
