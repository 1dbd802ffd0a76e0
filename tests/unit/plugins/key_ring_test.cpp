#include "login/key_ring.hpp"

#include <gmock/gmock.h>

#include <map>

namespace {

using login::KeyRing;
using login::SigningKey;
using testing::ElementsAre;
using testing::IsEmpty;

class Keys : public testing::Test {
 protected:
  void advance(std::int64_t seconds = 0) {
    now += seconds;
    ring.advance(
        now, terms,
        [this](const std::string& kid, const std::string& pem, std::int64_t until) {
          EXPECT_EQ(pem, (kid == a.kid ? a : kid == b.kid ? b : c).public_pem);
          published[kid] = until;
          ++writes;
        },
        [this](const std::string& kid) { EXPECT_EQ(published.erase(kid), 1U); });
  }
  void offer(const SigningKey& key) {
    ring.offer(key, now, terms);
    advance();
  }

  const SigningKey a = SigningKey::make(), b = SigningKey::make(), c = SigningKey::make();
  const KeyRing::Terms terms{.overlap = 30, .token_life = 60, .lease = 3600};
  std::int64_t now = 1'000'000;
  KeyRing ring;
  std::map<std::string, std::int64_t> published;
  int writes = 0;
};

TEST_F(Keys, FirstOneSignsAtOnce) {
  EXPECT_TRUE(ring.empty());
  offer(a);
  EXPECT_EQ(ring.signer().kid, a.kid);
  EXPECT_THAT(published, ElementsAre(std::pair(a.kid, now + 3600)));
}

TEST_F(Keys, NewOneIsPublishedBeforeItSignsAndTheOldOneUntilItsTokensExpired) {
  offer(a);
  offer(b);
  EXPECT_EQ(published.size(), 2U);
  EXPECT_EQ(ring.signer().kid, a.kid);
  advance(29);
  EXPECT_EQ(ring.signer().kid, a.kid);
  advance(1);
  EXPECT_EQ(ring.signer().kid, b.kid);
  advance(59);
  EXPECT_EQ(published.size(), 2U);
  advance(1);
  EXPECT_EQ(ring.signer().kid, b.kid);
  EXPECT_THAT(published, ElementsAre(testing::Key(b.kid)));
}

TEST_F(Keys, OneThatWaitedMayBeReplaced) {
  offer(a);
  offer(b);
  offer(c);
  EXPECT_EQ(published.size(), 2U);
  EXPECT_FALSE(published.contains(b.kid));
  advance(30);
  EXPECT_EQ(ring.signer().kid, c.kid);
}

TEST_F(Keys, SignerOfferedAgainEndsTheWaitOfAnother) {
  offer(a);
  offer(b);
  offer(a);
  advance(1000);
  EXPECT_EQ(ring.signer().kid, a.kid);
  EXPECT_THAT(published, ElementsAre(testing::Key(a.kid)));
}

TEST_F(Keys, OldOneThatComesBackSignsAfterTheOverlap) {
  offer(a);
  offer(b);
  advance(30);
  offer(a);
  EXPECT_EQ(ring.signer().kid, b.kid);
  advance(30);
  EXPECT_EQ(ring.signer().kid, a.kid);
  advance(60);
  EXPECT_THAT(published, ElementsAre(testing::Key(a.kid)));
  EXPECT_EQ(ring.signer().kid, a.kid);
}

TEST_F(Keys, PublishedOneIsRenewedInHalfItsLease) {
  offer(a);
  advance(1799);
  EXPECT_EQ(writes, 1);
  advance(1);
  EXPECT_EQ(writes, 2);
  EXPECT_EQ(published[a.kid], now + 3600);
}

TEST_F(Keys, AllGoOverAtAReload) {
  offer(a);
  offer(b);
  advance(10);
  proto::LoginState state;
  ring.save(state);
  KeyRing next;
  next.load(state);
  ring = next;
  writes = 0;
  advance(19);
  EXPECT_EQ(writes, 0);
  EXPECT_EQ(ring.signer().kid, a.kid);
  advance(1);
  EXPECT_EQ(ring.signer().kid, b.kid);
  advance(60);
  EXPECT_THAT(published, ElementsAre(testing::Key(b.kid)));
}

TEST(SigningKey, GoesThroughItsPem) {
  const auto key = SigningKey::make();
  const auto read = SigningKey::parse(key.private_pem);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->kid, key.kid);
  EXPECT_EQ(read->public_pem, key.public_pem);
}

// Made by `openssl ecparam -name prime256v1 -genkey -noout`; its thumbprint by another implementation of RFC 7638.
TEST(SigningKey, OfOpensslIsTaken) {
  const auto key = SigningKey::parse(
      "-----BEGIN EC PRIVATE KEY-----\n"
      "MHcCAQEEIH7DBgSvxsbNJww8Op2gX0VFXNHvmhIknLAyaDKeD4YIoAoGCCqGSM49\n"
      "AwEHoUQDQgAE+WN2fv3HmmWl/hfHr2HcSsvqMgvi5CpxSalIR9FSTtHiBBbNlaqA\n"
      "gyy5dXiLxU7mSEmxhynb1VqdKq5c712O9g==\n"
      "-----END EC PRIVATE KEY-----\n");
  ASSERT_TRUE(key);
  EXPECT_EQ(key->kid, "HvUQrYFJm8LiSIHABuLwk2rKtMAUNGIh2jHDY2usZlM");
}

TEST(SigningKey, WhatIsNoneIsRefused) {
  EXPECT_FALSE(SigningKey::parse(""));
  EXPECT_FALSE(SigningKey::parse("no key"));
  EXPECT_FALSE(SigningKey::parse(SigningKey::make().public_pem));
  const std::string pem = SigningKey::make().private_pem;
  EXPECT_FALSE(SigningKey::parse(pem.substr(0, pem.size() / 2)));
}

}  // namespace
