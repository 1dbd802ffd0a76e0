#include "support/certificate.hpp"

#include <cstdio>
#include <functional>
#include <memory>
#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace cm::test {
namespace {

void write(const std::filesystem::path& path, const std::function<int(std::FILE*)>& pem) {
  const auto beside = path.string() + ".new";
  std::FILE* file = std::fopen(beside.c_str(), "w");
  const bool written = file != nullptr && pem(file) == 1;
  if (file == nullptr || std::fclose(file) != 0 || !written) throw std::runtime_error("cannot write " + beside);
  std::filesystem::rename(beside, path);
}

template <class T>
std::unique_ptr<T, void (*)(T*)> read(const std::filesystem::path& path,
                                      T* (*pem)(std::FILE*, T**, pem_password_cb*, void*), void (*free)(T*)) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "r"), &std::fclose);
  std::unique_ptr<T, void (*)(T*)> out(file ? pem(file.get(), nullptr, nullptr, nullptr) : nullptr, free);
  if (!out) throw std::runtime_error("cannot read " + path.string());
  return out;
}

}  // namespace

Certificate make_certificate(const std::filesystem::path& folder, const CertificateOf& of) {
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  const std::unique_ptr<X509, void (*)(X509*)> x509(X509_new(), &X509_free);
  std::uint32_t serial = 0;
  if (!key || !x509 || RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1) {
    throw std::runtime_error("cannot make a key");
  }
  X509_set_version(x509.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), static_cast<long>(serial >> 1U));
  X509_gmtime_adj(X509_getm_notBefore(x509.get()), -86'400);
  X509_gmtime_adj(X509_getm_notAfter(x509.get()), static_cast<long>(of.life.count()));
  X509_set_pubkey(x509.get(), key.get());
  X509_NAME* subject = X509_get_subject_name(x509.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(of.name.c_str()), -1,
                             -1, 0);
  std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> ca_key(nullptr, &EVP_PKEY_free);
  if (of.ca.empty()) {
    X509_set_issuer_name(x509.get(), subject);
  } else {
    const auto ca = read<X509>(of.ca / "cert.pem", &PEM_read_X509, &X509_free);
    X509_set_issuer_name(x509.get(), X509_get_subject_name(ca.get()));
    ca_key = read<EVP_PKEY>(of.ca / "key.pem", &PEM_read_PrivateKey, &EVP_PKEY_free);
  }
  const std::string names = "DNS:" + of.name + ",IP:" + of.address;
  const std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> alternatives(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str()), &X509_EXTENSION_free);
  if (!alternatives || X509_add_ext(x509.get(), alternatives.get(), -1) != 1) {
    throw std::runtime_error("cannot name " + names + " in a certificate");
  }
  const std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> constraints(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "critical,CA:TRUE"), &X509_EXTENSION_free);
  if (of.is_ca && (!constraints || X509_add_ext(x509.get(), constraints.get(), -1) != 1))
    throw std::runtime_error("cannot make a CA");
  if (X509_sign(x509.get(), ca_key ? ca_key.get() : key.get(), EVP_sha256()) == 0)
    throw std::runtime_error("cannot sign a certificate");
  std::filesystem::create_directories(folder);
  Certificate made{folder / "cert.pem", folder / "key.pem"};
  write(made.private_key,
        [&](std::FILE* file) { return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  write(made.certificate, [&](std::FILE* file) { return PEM_write_X509(file, x509.get()); });
  return made;
}

}  // namespace cm::test
