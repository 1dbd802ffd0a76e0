// Whom a client of TLS takes for the server that it meant.
#include <gmock/gmock.h>

#include <sys/socket.h>

#include "unit/net/ends.hpp"

namespace cm::net {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class TlsClients : public Ends {
 protected:
  void remake(const test::CertificateOf& of) { certificate = test::make_certificate(folder / "other", of); }
  [[nodiscard]] TlsTrust now_trusted() const { return {.ca = certificate.certificate.string(), .verify = true}; }
};

TEST_F(TlsClients, TakeACertificateThatTheyTrustForItsNameAndAddress) {
  for (const char* host : {"localhost", "127.0.0.1"}) {
    open(address("tls", host), trusted);
    EXPECT_TRUE(both_open()) << host << ": " << client->transport->trouble();
    hang_up();
  }
}

TEST_F(TlsClients, RefuseOneThatNobodyTheyKnowHasSigned) {
  const TlsTrust before = trusted;
  remake({});
  open(address("tls"), before);
  EXPECT_THAT(refusal(), AllOf(HasSubstr("certificate is not trusted"), HasSubstr("--ca"), HasSubstr("--insecure")));
}

TEST_F(TlsClients, RefuseItByTheSystemsRoots) {
  open(address("tls"), {});
  EXPECT_THAT(refusal(), HasSubstr("certificate is not trusted"));
}

TEST_F(TlsClients, RefuseOneOfAnotherName) {
  remake({.name = "play.example.org", .address = "203.0.113.7"});
  open(address("tls", "localhost"), now_trusted());
  EXPECT_THAT(refusal(), HasSubstr("certificate is not for localhost"));
}

TEST_F(TlsClients, RefuseOneOfAnotherAddress) {
  remake({.name = "localhost", .address = "203.0.113.7"});
  open(address("wss", "127.0.0.1"), now_trusted());
  EXPECT_THAT(refusal(), HasSubstr("certificate is not for 127.0.0.1"));
}

TEST_F(TlsClients, LookForAnAddressWithoutItsScope) {
  const Address scoped = *Address::parse("tls://[::1%1]:7");
  remake({.name = "play.example.org", .address = "203.0.113.7"});
  open(scoped, now_trusted());
  EXPECT_THAT(refusal(), HasSubstr("certificate is not for ::1%1"));
  hang_up();
  tls.reset();
  remake({.address = "::1"});
  open(scoped, now_trusted());
  EXPECT_TRUE(both_open()) << client->transport->trouble();
}

TEST_F(TlsClients, RefuseOneThatHasExpired) {
  remake({.life = std::chrono::seconds(-60)});
  open(address("tls"), now_trusted());
  EXPECT_THAT(refusal(), AllOf(HasSubstr("certificate has expired"), HasSubstr("renew it")));
}

TEST_F(TlsClients, TakeAnyWhenToldSo) {
  remake({.name = "play.example.org", .address = "203.0.113.7", .life = std::chrono::seconds(-60)});
  open(address("tls"), {.ca = {}, .verify = false});
  EXPECT_TRUE(both_open()) << client->transport->trouble();
}

TEST_F(TlsClients, AskForTheNameAndForNoAddress) {
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const Fd bare = call_bare(address("tls", host), trusted);
    std::array<char, 4096> hello{};
    ssize_t size = 0;
    ASSERT_TRUE(until([&] { return (size = ::recv(bare.get(), hello.data(), hello.size(), MSG_DONTWAIT)) > 0; }));
    const std::string_view said(hello.data(), static_cast<std::size_t>(size));
    EXPECT_EQ(said.find(host) != std::string_view::npos, std::string_view(host) == "localhost");
    client->transport->close();
    ASSERT_TRUE(until([&] { return client->free(); }));
  }
}

TEST_F(TlsClients, NeedACaFileThatIsOne) {
  for (const std::string& path : {(folder / "none.pem").string(), certificate.private_key.string()}) {
    const auto opened = TlsClient::open({.ca = path, .verify = true});
    ASSERT_FALSE(opened.has_value()) << path;
    EXPECT_THAT(opened.error().text, AllOf(HasSubstr("CA file " + path), HasSubstr("PEM file of certificates")));
  }
}

}  // namespace
}  // namespace cm::net
