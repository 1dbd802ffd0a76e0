#include "agent/token_check.hpp"

#include <gmock/gmock.h>

#include "forge.hpp"
#include "tokens/public_key.hpp"

namespace {

using agent::TokenCheck;
using testing::HasSubstr;
using tokens::test::Forge;

constexpr std::int64_t skew = 5;

class Token : public testing::Test {
 protected:
  Token() { check.set_key(Forge::signer().kid, Forge::signer().public_pem); }

  TokenCheck::Found look(const std::string& token) {
    return check.check(token, {.audience = forge.audience, .now = forge.now, .skew = skew});
  }
  proto::ResultCode result() { return look(forge.token()).result; }

  TokenCheck check;
  Forge forge;
};

TEST_F(Token, GoodOneIsBelieved) {
  const auto found = look(forge.token());
  EXPECT_EQ(found.result, proto::NoError) << found.text;
  EXPECT_EQ(found.claims.uid, "ann");
  EXPECT_EQ(found.claims.game, "game#0@test");
  EXPECT_EQ(found.claims.id, forge.texts["jti"]);
  EXPECT_EQ(found.claims.expires, forge.now + 60);
}

TEST_F(Token, ThatOfTheLoginIsBelieved) {
  const auto found = look(login::make_token(
      Forge::signer(),
      {.uid = "ann", .audience = forge.audience, .game = "game#0@test", .made = forge.now, .expires = forge.now + 60}));
  EXPECT_EQ(found.result, proto::NoError) << found.text;
  EXPECT_EQ(found.claims.id.size(), 32U);
}

TEST_F(Token, NoneIsMissing) { EXPECT_EQ(look("").result, proto::TokenMissing); }

TEST_F(Token, CutShortAnywhereItIsNone) {
  const std::string token = forge.token();
  for (std::size_t size = 1; size < token.size(); ++size) {
    ASSERT_EQ(look(token.substr(0, size)).result, proto::TokenMalformed) << size;
  }
}

TEST_F(Token, WithAnythingElseInItItIsNone) {
  const std::string token = forge.token();
  for (const char c : {' ', '\n', '=', '+', '/', '.', '\0', '\x80', 'A'}) {
    EXPECT_EQ(look(token + c).result, proto::TokenMalformed) << int{c};
    EXPECT_NE(look(c + token).result, proto::NoError) << int{c};
  }
  EXPECT_EQ(look("t").result, proto::TokenMalformed);
  EXPECT_EQ(look("..").result, proto::TokenMalformed);
  EXPECT_EQ(look(std::string(1 << 20, 'A')).result, proto::TokenMalformed);
}

TEST_F(Token, WithAnyLetterChangedItIsNotBelieved) {
  const std::string token = forge.token();
  for (std::size_t i = 0; i + 1 < token.size(); ++i) {  // the last holds bits that mean nothing
    std::string other = token;
    other[i] = other[i] == 'A' ? 'B' : 'A';
    ASSERT_NE(look(other).result, proto::NoError) << i;
  }
}

TEST_F(Token, OfAnotherKeyUnderAKnownIdIsNotSignedByIt) {
  forge.key = Forge::stranger().private_pem;
  EXPECT_EQ(result(), proto::TokenSignature);
}

TEST_F(Token, OfAKeyThatNobodyPublishedIsUnknown) {
  forge.key = Forge::stranger().private_pem;
  forge.kid = Forge::stranger().kid;
  EXPECT_EQ(result(), proto::TokenKeyUnknown);
  forge.kid.clear();
  EXPECT_EQ(result(), proto::TokenKeyUnknown);
}

TEST_F(Token, OfAKeyThatWasWithdrawnIsUnknown) {
  check.remove_key(Forge::signer().kid);
  EXPECT_EQ(result(), proto::TokenKeyUnknown);
}

TEST_F(Token, WithoutASignatureItsAlgorithmIsRefused) {
  forge.alg = JWT_ALG_NONE;
  EXPECT_EQ(result(), proto::TokenAlgorithm);
}

TEST_F(Token, SignedWithThePublicKeyAsASecretItsAlgorithmIsRefused) {
  for (const auto alg : {JWT_ALG_HS256, JWT_ALG_HS384, JWT_ALG_HS512}) {
    forge.alg = alg;
    forge.key = Forge::signer().public_pem;
    EXPECT_EQ(result(), proto::TokenAlgorithm);
  }
}

// Its header says ES256, its signature is none.
TEST_F(Token, WithoutASignatureUnderAHeaderThatPromisesOneItIsNone) {
  const std::string good = forge.token();
  EXPECT_EQ(look(good.substr(0, good.rfind('.') + 1)).result, proto::TokenMalformed);
  EXPECT_EQ(look(good.substr(0, good.rfind('.') + 1) + std::string(86, 'A')).result, proto::TokenSignature);
}

TEST_F(Token, ExpiredIsRefusedClocksMayDiffer) {
  forge.numbers = {{"iat", forge.now - 60}, {"nbf", forge.now - 60}, {"exp", forge.now - skew}};
  EXPECT_EQ(result(), proto::TokenExpired);
  forge.numbers["exp"] = forge.now - skew + 1;
  EXPECT_EQ(result(), proto::NoError);
}

TEST_F(Token, NotYetValidIsRefusedClocksMayDiffer) {
  forge.numbers["nbf"] = forge.now + skew + 1;
  EXPECT_EQ(result(), proto::TokenNotYetValid);
  forge.numbers["nbf"] = forge.now + skew;
  EXPECT_EQ(result(), proto::NoError);
  forge.numbers["iat"] = forge.now + skew + 1;
  EXPECT_EQ(result(), proto::TokenNotYetValid);
}

TEST_F(Token, ForAnotherAgentIsRefused) {
  for (const char* other : {"agent#0@test", "agent#0@test/0123456789abcdee", "agent#1@test/0123456789abcdef"}) {
    forge.texts["aud"] = other;
    EXPECT_EQ(result(), proto::TokenWrongAgent) << other;
  }
}

TEST_F(Token, EachClaimMustBeThere) {
  for (const char* claim : {"uid", "aud", "game", "jti", "iat", "nbf", "exp"}) {
    Forge other;
    other.texts.erase(claim);
    other.numbers.erase(claim);
    const auto found = look(other.token());
    EXPECT_EQ(found.result, proto::TokenClaims) << claim;
    EXPECT_THAT(found.text, HasSubstr(claim));
  }
}

TEST_F(Token, EachClaimMustBeOfItsKind) {
  for (const char* claim : {"uid", "aud", "game", "jti"}) {
    Forge other;
    other.texts.erase(claim);
    other.numbers[claim] = 7;
    EXPECT_EQ(look(other.token()).result, proto::TokenClaims) << claim;
  }
  for (const char* claim : {"iat", "nbf", "exp"}) {
    Forge other;
    other.numbers.erase(claim);
    other.texts[claim] = "9999999999";
    EXPECT_EQ(look(other.token()).result, proto::TokenClaims) << claim;
  }
  for (const std::string uid : {"", "a b", "\xc3\xa4", "a/b", "0123456789012345678901234567890123"}) {
    Forge other;
    other.texts["uid"] = uid;
    EXPECT_EQ(look(other.token()).result, proto::TokenClaims) << uid;
  }
}

TEST(PublicKey, GoesThroughItsEntry) {
  const tokens::PublicKey key{Forge::signer().public_pem, 1'764'100'000};
  const auto read = tokens::PublicKey::parse(key.entry());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->pem, key.pem);
  EXPECT_EQ(read->until, key.until);
}

TEST(PublicKey, OfAnOperatorIsItsPemAlone) {
  const auto read = tokens::PublicKey::parse(Forge::signer().public_pem);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->until, std::nullopt);
}

TEST(PublicKey, IsReadAsAPersonSavedIt) {
  std::string crlf = "until: 17\n" + Forge::signer().public_pem;
  for (auto at = crlf.find('\n'); at != std::string::npos; at = crlf.find('\n', at + 2)) crlf.insert(at, "\r");
  const auto edited = tokens::PublicKey::parse("\xef\xbb\xbf" + crlf + "\r\n");
  ASSERT_TRUE(edited) << "a person saved it";
  EXPECT_EQ(edited->until, 17);
}

TEST(PublicKey, WhatIsNoneIsNotBelieved) {
  EXPECT_FALSE(tokens::PublicKey::parse(""));
  EXPECT_FALSE(tokens::PublicKey::parse("until: x\n" + Forge::signer().public_pem));
  EXPECT_FALSE(tokens::PublicKey::parse(Forge::signer().private_pem));
  const std::string pem = Forge::signer().public_pem;
  EXPECT_FALSE(tokens::PublicKey::parse(pem.substr(0, pem.size() / 2)));
  // Of another curve.
  EXPECT_FALSE(
      tokens::PublicKey::parse("-----BEGIN PUBLIC KEY-----\n"
                               "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
                               "-----END PUBLIC KEY-----\n"));
}

TEST(PublicKey, KidIsTheLastWordOfItsName) {
  EXPECT_EQ(tokens::kid_of("token_keys/abc-_1"), "abc-_1");
  EXPECT_EQ(tokens::kid_of("token_keys/a/b"), "");
  EXPECT_EQ(tokens::kid_of("others/abc"), "");
}

}  // namespace
