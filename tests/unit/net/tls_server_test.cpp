// Which certificate a server of TLS shows.
#include "unit/net/ends.hpp"

namespace cm::net {
namespace {

class TlsServers : public Ends {
 protected:
  // A client that trusts this one alone gets in.
  bool shows(const test::Certificate& one) {
    open(address("tls"), {.ca = one.certificate.string(), .verify = true});
    const bool in = both_open();
    hang_up();
    return in;
  }
};

TEST_F(TlsServers, KeepTheOldOneUntilTheFilesOfNewPathsAreThere) {
  ASSERT_TRUE(shows(certificate));
  const auto later = folder / "later";
  EXPECT_FALSE(tls->change(config_of({later / "cert.pem", later / "key.pem"})));
  tls->refresh();
  EXPECT_TRUE(shows(certificate));
  const auto other = test::make_certificate(later);
  EXPECT_TRUE(until([&] {
    tls->refresh();
    return shows(other);
  }));
}

}  // namespace
}  // namespace cm::net
