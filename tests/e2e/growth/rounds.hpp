#pragma once

namespace cm::test {

enum class Backend { sqlite, postgres };

// Players buy, and each round something is killed at a random moment and started again: data, one of two games, the
// database. Then what was acknowledged is what the database has. Fails the test when it is not.
void rounds(int count, Backend backend);

}  // namespace cm::test
