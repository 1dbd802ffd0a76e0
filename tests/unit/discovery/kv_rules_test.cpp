#include "discovery/kv_rules.hpp"

#include <gtest/gtest.h>

#include <string>

namespace cm::discovery {
namespace {

TEST(KvRules, KeysOfWordsAndSlashesAreTaken) {
  for (const auto* key : {"a", "cellmesh/config/game/0@dev/x", "a b", "a#b", "gr\xc3\xbc\xc3\x9f\x65", ".a/..b"})
    EXPECT_TRUE(check_key(key)) << key;
  EXPECT_TRUE(check_key(std::string(512, 'k')));
}

TEST(KvRules, KeysThatConsulWouldRedirectOrRefuseAreRefused) {
  for (const auto* key : {"", "/", "/a", "a//b", "a/../b", "./a", "..", "a/", "a\nb"})
    EXPECT_FALSE(check_key(key)) << key;
  EXPECT_FALSE(check_key(std::string(513, 'k')));
}

TEST(KvRules, APrefixMayBeEmptyOrEndInASlash) {
  for (const auto* prefix : {"", "a", "a/", "a/b"}) EXPECT_TRUE(check_prefix(prefix)) << prefix;
  EXPECT_FALSE(check_prefix("a//"));
}

TEST(KvRules, AValueHasAtMost512KiB) {
  EXPECT_TRUE(check_entry("a", std::string(512U << 10U, 'x')));
  EXPECT_FALSE(check_entry("a", std::string((512U << 10U) + 1, 'x')));
}

}  // namespace
}  // namespace cm::discovery
