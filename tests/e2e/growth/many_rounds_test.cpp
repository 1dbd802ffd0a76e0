#include <gtest/gtest.h>

#include "e2e/growth/rounds.hpp"

namespace cm::test {
namespace {

TEST(GrowthOnSqlite, WhatWasAcknowledgedIsThereWhateverIsKilled) { rounds(200, Backend::sqlite); }
TEST(GrowthOnPostgres, WhatWasAcknowledgedIsThereWhateverIsKilled) { rounds(200, Backend::postgres); }

}  // namespace
}  // namespace cm::test
