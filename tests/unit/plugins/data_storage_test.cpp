// The databases, each by the same rules; and what a job makes of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "batch.hpp"
#include "database.hpp"
#include "storage.hpp"
#include "support/postgres.hpp"
#include "support/temp_dir.hpp"

namespace {

using cm::test::PostgresServer;
using cm::test::TempDir;
using data::Change;
using data::Failure;
using data::Key;
using data::ListQuery;
using data::Row;
using data::Storage;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr auto timeout = 5s;

// A database of a test's own.
class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual std::string database() const = 0;
};

class SqliteFile : public Backend {
 public:
  [[nodiscard]] std::string database() const override { return "sqlite:" + (folder_ / "sub/data.db").string(); }

 private:
  TempDir folder_;
};

// One server for all tests of the program.
class PostgresDatabase : public Backend {
 public:
  static PostgresServer& server() {
    static PostgresServer server;
    return server;
  }
  [[nodiscard]] std::string database() const override { return url_; }

 private:
  std::string url_ = server().make_database();
};

using MakeBackend = std::unique_ptr<Backend> (*)();

struct Named {
  const char* name;
  MakeBackend make;
};

const auto backends =
    testing::Values(Named{"sqlite", [] { return std::unique_ptr<Backend>(std::make_unique<SqliteFile>()); }},
                    Named{"postgres", [] { return std::unique_ptr<Backend>(std::make_unique<PostgresDatabase>()); }});
std::string name_of(const testing::TestParamInfo<Named>& of) { return of.param.name; }

class DataStorage : public testing::TestWithParam<Named> {
 protected:
  [[nodiscard]] std::unique_ptr<Storage> open() const { return data::open(backend->database(), timeout); }

  static void write(Storage& storage, const std::vector<Change>& changes) {
    std::vector<Key> keys;
    for (const Change& change : changes) keys.push_back(change.key);
    static_cast<void>(storage.begin(keys));
    storage.commit(changes);
  }
  static std::vector<std::string> listed(Storage& storage, ListQuery query) {
    if (query.rows == 0) query.rows = 100;
    if (query.bytes == 0) query.bytes = 1'000'000;
    std::vector<std::string> keys;
    const auto page = storage.list(query);
    for (const Row& row : page.rows) keys.push_back(row.key.key);
    if (page.more) keys.emplace_back("more");
    return keys;
  }

  std::unique_ptr<Backend> backend = GetParam().make();
  std::unique_ptr<Storage> storage = open();
};

INSTANTIATE_TEST_SUITE_P(Data, DataStorage, backends, name_of);

TEST_P(DataStorage, WhatIsCommittedIsThereForEveryConnection) {
  const std::string value("a\0b\xFF", 4);
  write(*storage, {{{"players", "ann"}, 1, value, false}, {{"players", "bob"}, 1, "", false}});
  const std::vector<Key> keys{{"players", "ann"}, {"players", "bob"}, {"players", "eve"}, {"others", "ann"}};
  const auto other = open();
  auto rows = other->load(keys);
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.key < b.key; });
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(storage->load(keys).size(), 2U);
  EXPECT_EQ(rows[0].value, value);
  EXPECT_EQ(rows[0].version, 1U);
  EXPECT_EQ(rows[1].value, "");
}

TEST_P(DataStorage, ATransactionSeesVersionsAndChangesThem) {
  write(*storage, {{{"t", "a"}, 1, "1", false}, {{"t", "b"}, 1, "1", false}});
  const std::vector<Key> keys{{"t", "a"}, {"t", "b"}, {"t", "c"}};
  EXPECT_THAT(storage->begin(keys), ElementsAre(1, 1, 0));
  storage->commit(std::vector<Change>{{keys[0], 2, "2", true}, {keys[1], 0, "", true}, {keys[2], 1, "c", false}});
  EXPECT_THAT(storage->begin(keys), ElementsAre(2, 0, 1));
  storage->rollback();
}

TEST_P(DataStorage, WhatIsRolledBackOrCutOffIsNotThere) {
  const std::vector<Key> keys{{"t", "a"}};
  static_cast<void>(storage->begin(keys));
  storage->rollback();
  EXPECT_THAT(storage->load(keys), IsEmpty());
  static_cast<void>(storage->begin(keys));
  storage.reset();
  storage = open();
  write(*storage, {{keys[0], 1, "x", false}});
  EXPECT_EQ(storage->load(keys).size(), 1U);
}

TEST_P(DataStorage, AListHasThePrefixAndTheOrderOfBytes) {
  std::vector<Change> changes;
  for (const char* key : {"a", "a/1", "a/10", "a/2", "a/Z", "a/é", "b", "a/\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBFz"}) {
    changes.push_back({{"t", key}, 1, "v", false});
  }
  changes.push_back({{"other", "a/3"}, 1, "v", false});
  write(*storage, changes);
  const auto inside = [&](const std::string& prefix, const std::string& after = {}, bool backwards = false,
                          std::size_t rows = 0) {
    return listed(*storage, {"t", prefix, after, rows, 0, backwards});
  };
  EXPECT_THAT(inside("a/"), ElementsAre("a/1", "a/10", "a/2", "a/Z", "a/é", "a/\xF4\x8F\xBF\xBF"));
  EXPECT_THAT(inside("a/", "a/10"), ElementsAre("a/2", "a/Z", "a/é", "a/\xF4\x8F\xBF\xBF"));
  EXPECT_THAT(inside("a/", {}, false, 2), ElementsAre("a/1", "a/10", "more"));
  EXPECT_THAT(inside("a/", {}, true, 2), ElementsAre("a/\xF4\x8F\xBF\xBF", "a/é", "more"));
  EXPECT_THAT(inside("a/", "a/2", true), ElementsAre("a/10", "a/1"));
  EXPECT_THAT(inside("a/\xF4\x8F\xBF\xBF"), ElementsAre("a/\xF4\x8F\xBF\xBF"));
  EXPECT_THAT(inside("\xF4\x8F\xBF\xBF"), ElementsAre("\xF4\x8F\xBF\xBFz"));
  EXPECT_THAT(inside("", "b"), ElementsAre("\xF4\x8F\xBF\xBFz"));
  EXPECT_EQ(inside("").size(), 9U);
  EXPECT_THAT(inside("c"), IsEmpty());
  EXPECT_THAT(inside("a/", "b"), IsEmpty());
}

TEST_P(DataStorage, AListEndsBeforeItHasTooManyBytes) {
  write(*storage, {{{"t", "a"}, 1, std::string(600, 'x'), false}, {{"t", "b"}, 1, std::string(600, 'x'), false}});
  EXPECT_THAT(listed(*storage, {"t", "", "", 0, 1000, false}), ElementsAre("a", "more"));
  EXPECT_THAT(listed(*storage, {"t", "", "", 0, 100, false}), ElementsAre("a", "more")) << "one row always fits";
}

// What a job with these saves answers.
class DataJob : public DataStorage {
 protected:
  proto::SaveDataREQ& save() {
    proto::DataStep& step = *job.add_steps();
    step.set_id(static_cast<std::uint64_t>(job.steps_size()));
    return *step.mutable_save();
  }
  static void put(proto::SaveDataREQ& req, const std::string& key, std::uint64_t version, const std::string& value) {
    auto& write = *req.add_writes();
    write.mutable_key()->set_table("t");
    write.mutable_key()->set_key(key);
    write.set_version(version);
    write.set_value(value);
  }
  std::string value_of(const std::string& key) {
    const Key wanted{"t", key};
    const auto rows = storage->load({&wanted, 1});
    return rows.empty() ? "none" : rows[0].value + " v" + std::to_string(rows[0].version);
  }
  proto::DataJobDone run() {
    auto done = data::run_steps(job, *storage);
    job.Clear();
    return done;
  }

  proto::DataJob job;
};
INSTANTIATE_TEST_SUITE_P(Data, DataJob, backends, name_of);

TEST_P(DataJob, ASaveThatConflictsHarmsNoOther) {
  put(save(), "a", 0, "1");
  auto& both = save();
  put(both, "b", 0, "1");
  put(both, "a", 0, "2");  // there is one already
  put(save(), "a", 1, "3");
  const auto done = run();
  ASSERT_EQ(done.steps_size(), 3);
  EXPECT_EQ(done.steps(0).save().result(), proto::DataOk);
  EXPECT_EQ(done.steps(1).save().result(), proto::DataConflict);
  EXPECT_EQ(done.steps(1).save().found().value(), "1");
  EXPECT_EQ(done.steps(1).save().found().version(), 1U);
  EXPECT_EQ(done.steps(2).save().versions(0), 2U);
  EXPECT_EQ(value_of("a"), "3 v2");
  EXPECT_EQ(value_of("b"), "none");
}

TEST_P(DataJob, AConflictBringsTheRowAsItIs) {
  put(save(), "a", 0, "stored");
  static_cast<void>(run());
  put(save(), "a", 7, "x");
  put(save(), "none", 7, "x");
  const auto done = run();
  EXPECT_EQ(done.steps(0).save().found().value(), "stored");
  EXPECT_EQ(done.steps(0).save().found().version(), 1U);
  EXPECT_EQ(done.steps(1).save().found().version(), 0U);
  EXPECT_EQ(done.steps(1).save().found().key().key(), "none");
}

TEST_P(DataJob, RowsAreRemovedAndComeAgain) {
  put(save(), "a", 0, "1");
  auto& remove = save();
  put(remove, "a", 1, "");
  remove.mutable_writes(0)->set_remove(true);
  EXPECT_EQ(run().steps(1).save().versions(0), 0U);
  EXPECT_EQ(value_of("a"), "none");
  put(save(), "a", 0, "2");
  auto& any = save();
  put(any, "a", 99, "3");
  any.mutable_writes(0)->set_any_version(true);
  EXPECT_EQ(run().steps(1).save().versions(0), 2U);
  EXPECT_EQ(value_of("a"), "3 v2");
  auto& gone = save();
  put(gone, "never", 0, "");
  gone.mutable_writes(0)->set_remove(true);
  EXPECT_EQ(run().steps(0).save().result(), proto::DataOk);
  EXPECT_EQ(value_of("never"), "none");
}

TEST_P(DataJob, LoadsAreInTheOrderAskedForAndWhatIsNotThereHasNoVersion) {
  put(save(), "a", 0, "1");
  static_cast<void>(run());
  auto& load = *job.add_steps()->mutable_load();
  for (const char* key : {"none", "a", "a"}) {
    load.add_keys()->set_table("t");
    load.mutable_keys(load.keys_size() - 1)->set_key(key);
  }
  const auto done = run();
  ASSERT_EQ(done.steps(0).load().rows_size(), 3);
  EXPECT_EQ(done.steps(0).load().rows(0).version(), 0U);
  EXPECT_EQ(done.steps(0).load().rows(0).key().key(), "none");
  EXPECT_EQ(done.steps(0).load().rows(1).value(), "1");
  EXPECT_EQ(done.steps(0).load().rows(2).value(), "1");
}

TEST_P(DataJob, WhatDoesNotFitIntoOneAnswerIsLeftForAnotherJob) {
  const std::string large(256 * 1024, 'x');
  for (int i = 0; i < 8; ++i) put(save(), std::to_string(i), 0, large);
  EXPECT_EQ(run().steps_size(), 8);
  for (int i = 0; i < 20; ++i) put(save(), std::to_string(i % 8), 9, "conflict");
  put(save(), "after", 0, "1");
  const auto conflicts = run();
  EXPECT_EQ(conflicts.steps_size(), 13);
  EXPECT_EQ(value_of("after"), "none") << "it has to wait for those before it";
  auto& load = *job.add_steps()->mutable_load();
  for (int i = 0; i < 100; ++i) {
    load.add_keys()->set_table("t");
    load.mutable_keys(i)->set_key(std::to_string(i % 8));
  }
  const auto loaded = run();
  EXPECT_EQ(loaded.steps(0).load().result(), proto::DataInvalid);
  EXPECT_THAT(loaded.steps(0).load().text(), HasSubstr("3 MiB"));
}

}  // namespace
