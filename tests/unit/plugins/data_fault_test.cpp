// Bad days of the databases: killed, restarted, frozen, of another version; and the process that writes killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "batch.hpp"
#include "connections.hpp"
#include "database.hpp"
#include "support/postgres.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"
#include "support/wait.hpp"

namespace {

using cm::test::PostgresServer;
using cm::test::TempDir;
using cm::test::wait_until;
using data::Connections;
using data::Failure;
using data::Trouble;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

constexpr auto timeout = 5s;  // a disk that many share may take more than a second

class Entered {
 public:
  Entered() { Connections::of_plugin().enter(); }
  ~Entered() { Connections::of_plugin().leave(); }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;
};

proto::DataJob job_for(const std::string& database, bool existed = false) {
  proto::DataJob job;
  job.set_database(database);
  job.set_timeout_ms(static_cast<std::uint32_t>(std::chrono::milliseconds(timeout).count()));
  job.set_existed(existed);
  return job;
}

// What a look at the database says is wrong; empty: nothing.
std::string look(const std::string& database, proto::DataJob::Probe probe = proto::DataJob::LOOK) {
  proto::DataJob job = job_for(database, true);
  job.set_probe(probe);
  return data::run_job(job).note();
}

// The answer to a save of the row `count`, which has this version.
proto::SaveDataACK save(const std::string& database, std::uint64_t version, bool existed = false) {
  proto::DataJob job = job_for(database, existed);
  auto& write = *job.add_steps()->mutable_save()->add_writes();
  write.mutable_key()->set_table("t");
  write.mutable_key()->set_key("count");
  write.set_version(version);
  write.set_value(std::to_string(version + 1));
  return data::run_job(job).steps(0).save();
}

std::uint64_t stored(const std::string& database) {
  const data::Key key{"t", "count"};
  const auto rows = data::open(database, 5s)->load({&key, 1});
  return rows.empty() ? 0 : rows[0].version;
}

// Saves one after the other in a process of its own that is killed at a random moment; what it was told was done.
std::uint64_t save_until_killed(const std::string& database, std::uint64_t from, std::chrono::microseconds time) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
  const pid_t child = ::fork();
  if (child == 0) {
    const Entered entered;
    for (std::uint64_t version = from;; ++version) {
      if (const auto ack = save(database, version); ack.result() != proto::DataOk) {
        std::cerr << "a save failed: " << ack.text() << '\n';
        ::_exit(1);
      }
      const std::uint64_t done = version + 1;
      if (::write(ends[1], &done, sizeof done) != sizeof done) ::_exit(2);
    }
  }
  ::close(ends[1]);
  std::uint64_t acknowledged = from;
  std::uint64_t read = 0;
  if (::read(ends[0], &read, sizeof read) == sizeof read) acknowledged = read;  // it is at work
  std::this_thread::sleep_for(time);
  ::kill(child, SIGKILL);
  while (::read(ends[0], &read, sizeof read) == sizeof read) acknowledged = read;
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "a save failed";
  return acknowledged;
}

void kill_in_rounds(const std::string& database) {
  std::mt19937 random{std::random_device{}()};
  std::uniform_int_distribution<int> any(0, 20'000);
  std::uint64_t version = 0;
  for (int round = 0; round < 30; ++round) {
    const std::uint64_t acknowledged = save_until_killed(database, version, std::chrono::microseconds(any(random)));
    ASSERT_GT(acknowledged, version);
    // A server may still be at the last one of the process that is gone.
    const std::uint64_t now = stored(database);
    ASSERT_GE(now, acknowledged);
    ASSERT_LE(now, acknowledged + 1);
    version = acknowledged;
    const Entered entered;
    const auto next = save(database, version);
    if (next.result() == proto::DataConflict) {
      ASSERT_EQ(next.found().version(), version + 1) << "one was done that nobody was told of, and no more";
    } else {
      ASSERT_EQ(next.result(), proto::DataOk) << next.text();
    }
    ++version;
  }
}

TEST(DataFaults, SqliteKeepsWhatWasAnsweredWhenItsProcessIsKilled) {
  const TempDir folder;
  kill_in_rounds("sqlite:" + (folder / "data.db").string());
}

TEST(DataFaults, AFileThatIsNoDatabaseIsToldWithACure) {
  const TempDir folder;
  cm::test::write_file(folder / "data.db", std::string(8192, 'x'));
  try {
    static_cast<void>(data::open("sqlite:" + (folder / "data.db").string(), timeout));
    FAIL() << "it was opened";
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("put a backup in its place"));
  }
}

TEST(DataFaults, ALockedFileFailsWithinItsTime) {
  const TempDir folder;
  const std::string database = "sqlite:" + (folder / "data.db").string();
  const Entered entered;
  EXPECT_EQ(save(database, 0).result(), proto::DataOk);
  const auto holder = data::open(database, timeout);
  const data::Key key{"t", "other"};
  static_cast<void>(holder->begin({&key, 1}));
  const auto ack = save(database, 1);
  EXPECT_EQ(ack.result(), proto::DataAway);
  EXPECT_FALSE(ack.unsure());
  EXPECT_THAT(ack.text(), HasSubstr("another program holds it"));
  holder->rollback();
  EXPECT_EQ(save(database, 1).result(), proto::DataOk);
}

TEST(DataFaults, AnotherProgramThatReadsTheFileAndClosesItTakesNothingAway) {
  const TempDir folder;
  const auto file = (folder / "data.db").string();
  const auto first = data::open("sqlite:" + file, timeout);
  const auto second = data::open("sqlite:" + file, timeout);
  const auto reader = cm::test::run(
      {.command = {"python3", "-c",
                   "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT 1 FROM data_rows')", file},
       .env = {},
       .folder = {},
       .log = {}});
  ASSERT_TRUE(reader);
  ASSERT_EQ(reader->code, 0) << reader->output;
  EXPECT_TRUE(std::filesystem::exists(file + "-wal")) << "both still write there";
}

// The file of a database beneath a service that has it open.
class SqliteFile : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(save(database, 0).result(), proto::DataOk);
    ASSERT_EQ(save(database, 1, true).result(), proto::DataOk);
    ASSERT_EQ(look(database), "");
  }
  // Nothing is written, nothing is made, and it says why.
  void expect_refused(const std::string& why) {
    EXPECT_THAT(look(database), HasSubstr(why));
    const auto ack = save(database, 2, true);
    EXPECT_EQ(ack.result(), proto::DataAway);
    EXPECT_FALSE(ack.unsure());
    EXPECT_THAT(ack.text(), HasSubstr("put it or a backup back"));
  }
  void expect_works(std::uint64_t version) {
    EXPECT_TRUE(wait_until([&] { return look(database, proto::DataJob::WRITE).empty(); })) << look(database);
    const auto ack = save(database, version, true);
    EXPECT_EQ(ack.result(), proto::DataOk) << ack.text();
    EXPECT_EQ(stored(database), version + 1);
  }

  const TempDir folder;
  const Entered entered;
  const std::filesystem::path file = folder / "sub/data.db";
  const std::string database = "sqlite:" + file.string();
};

TEST_F(SqliteFile, DeletedIsNoticedBeforeAnybodyIsToldThatItWasWritten) {
  std::filesystem::rename(file, folder / "away");
  expect_refused("data.db is gone");
  EXPECT_FALSE(std::filesystem::exists(file)) << "an empty one was made in its place";
  std::filesystem::rename(folder / "away", file);
  expect_works(2);
}

TEST_F(SqliteFile, ItsWholeFolderDeletedIsNoticed) {
  std::filesystem::rename(folder / "sub", folder / "away");
  expect_refused("is gone");
  EXPECT_FALSE(std::filesystem::exists(folder / "sub"));
  std::filesystem::rename(folder / "away", folder / "sub");
  expect_works(2);
}

TEST_F(SqliteFile, ReplacedByABackupGoesOnWithThat) {
  {
    const auto other = data::open("sqlite:" + (folder / "backup.db").string(), timeout);
    const data::Key key{"t", "count"};
    static_cast<void>(other->begin({&key, 1}));
    const data::Change change{key, 7, "7", false};
    other->commit({&change, 1});
  }
  std::filesystem::rename(folder / "backup.db", file);
  // The log of the old one would be written into it.
  EXPECT_THAT(save(database, 2, true).text(), HasSubstr("data.db-wal belongs to the file before it"));
  for (const std::string part : {"-wal", "-shm"}) std::filesystem::remove(file.string() + part);
  expect_works(7);
}

TEST_F(SqliteFile, ReplacedByAnEmptyOneIsRefusedUntilABackupComes) {
  static_cast<void>(data::open("sqlite:" + (folder / "old").string(), timeout));
  for (const std::string part : {"", "-wal", "-shm"}) std::filesystem::remove(file.string() + part);
  cm::test::write_file(file, "");
  expect_refused("empty database");
  expect_refused("empty database");
  std::filesystem::rename(folder / "old", file);
  EXPECT_TRUE(wait_until([&] { return look(database, proto::DataJob::WRITE).empty(); }));
}

TEST_F(SqliteFile, ItsLogDeletedLosesNothingThatWasAnswered) {
  for (const std::string part : {"-wal", "-shm"}) {
    std::filesystem::remove(file.string() + part);
    const auto ack = save(database, 2, true);
    // Noticed and opened again in one go, or refused and opened again later.
    if (ack.result() == proto::DataOk) {
      EXPECT_EQ(stored(database), 3U);
      ASSERT_EQ(save(database, 3, true).result(), proto::DataOk);
      std::uint64_t now = stored(database);
      EXPECT_EQ(now, 4U);
      proto::DataJob undo = job_for(database, true);
      auto& write = *undo.add_steps()->mutable_save()->add_writes();
      write.mutable_key()->set_table("t");
      write.mutable_key()->set_key("count");
      write.set_any_version(true);
      write.set_remove(true);
      ASSERT_EQ(data::run_job(undo).steps(0).save().result(), proto::DataOk);
      ASSERT_EQ(save(database, 0, true).result(), proto::DataOk);
      ASSERT_EQ(save(database, 1, true).result(), proto::DataOk);
      continue;
    }
    EXPECT_FALSE(ack.unsure());
    expect_works(2);
  }
}

TEST_F(SqliteFile, CutShortIsNoticed) {
  std::filesystem::resize_file(file, 0);
  const auto ack = save(database, 2, true);
  // Refused, or whole again from its log.
  EXPECT_EQ(ack.result() == proto::DataOk ? stored(database) : 3, 3U) << ack.text();
}

TEST_F(SqliteFile, WhatWasAnsweredIsInTheFileThatWasTakenAway) {
  for (int round = 0; round < 20; ++round) {
    std::atomic<std::uint64_t> acknowledged = stored(database);
    const std::uint64_t before = acknowledged;
    std::jthread writer([&, version = before]() mutable {
      while (save(database, version, true).result() == proto::DataOk) acknowledged = ++version;
    });
    EXPECT_TRUE(wait_until([&] { return acknowledged > before + 3; }));
    std::filesystem::rename(file, folder / "away");
    writer.join();
    std::filesystem::rename(folder / "away", file);
    ASSERT_TRUE(wait_until([&] { return look(database, proto::DataJob::WRITE).empty(); })) << look(database);
    EXPECT_GE(stored(database), acknowledged);
  }
}

TEST_F(SqliteFile, OfANewerVersionIsRefusedWhileItIsOpen) {
  const auto newer = [&](const std::string& sql) {
    return cm::test::run({.command = {"python3", "-c",
                                      "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); "
                                      "c.commit()",
                                      file.string(), sql},
                          .env = {},
                          .folder = {},
                          .log = {}});
  };
  ASSERT_TRUE(newer("INSERT INTO cellmesh_migrations (number, name) VALUES (99, 'of the future')"));
  EXPECT_THAT(look(database), HasSubstr("number 99"));
  EXPECT_THAT(save(database, 2, true).text(), HasSubstr("number 99"));
  ASSERT_TRUE(newer("DELETE FROM cellmesh_migrations WHERE number = 99"));
  expect_works(2);
}

TEST(DataFaults, AFullDiskIsToldUntilThereIsRoom) {
  const TempDir folder;
  const auto disk = folder / "disk";
  std::filesystem::create_directory(disk);
  const auto run = [](std::vector<std::string> command) {
    const auto done = cm::test::run({.command = std::move(command), .env = {}, .folder = {}, .log = {}});
    return done && done->code == 0;
  };
  if (!run({"mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk.string()})) GTEST_SKIP() << "may not mount";
  {
    const Entered entered;
    const std::string database = "sqlite:" + (disk / "data.db").string();
    EXPECT_EQ(save(database, 0).result(), proto::DataOk);
    EXPECT_EQ(look(database), "");
    EXPECT_FALSE(run({"dd", "if=/dev/zero", "of=" + (disk / "filler").string(), "bs=4k"}));
    std::uint64_t version = 1;
    proto::SaveDataACK ack;
    while ((ack = save(database, version, true)).result() == proto::DataOk) ++version;
    EXPECT_THAT(ack.text(), HasSubstr("make room on its disk"));
    EXPECT_THAT(look(database, proto::DataJob::WRITE), HasSubstr("make room on its disk"));
    std::filesystem::remove(disk / "filler");
    EXPECT_TRUE(wait_until([&] { return look(database, proto::DataJob::WRITE).empty(); }));
    EXPECT_EQ(save(database, version, true).result(), proto::DataOk);
    EXPECT_TRUE(run({"mount", "-o", "remount,ro,size=1m", disk.string()}) == false ||
                !look(database, proto::DataJob::WRITE).empty());
  }
  EXPECT_TRUE(run({"umount", disk.string()}));
}

// One server for all of them, a database for each.
class PostgresFaults : public testing::Test {
 protected:
  static PostgresServer& the_server() {
    static PostgresServer server;
    return server;
  }
  const Entered entered;
  PostgresServer& server = the_server();
  const std::string database = server.make_database();
  const std::string name = database.substr(database.rfind('/') + 1);
};

TEST_F(PostgresFaults, KeepsWhatWasAnsweredWhenTheServiceIsKilled) { kill_in_rounds(database); }

TEST_F(PostgresFaults, ARestartBetweenTwoRequestsIsNotSeen) {
  EXPECT_EQ(save(database, 0).result(), proto::DataOk);
  server.restart();
  EXPECT_EQ(save(database, 1).result(), proto::DataOk);
}

TEST_F(PostgresFaults, WhileItIsAwayRequestsFailAtOnceAndSoonAfterTheyDoNot) {
  EXPECT_EQ(save(database, 0).result(), proto::DataOk);
  server.kill9();
  const auto away = save(database, 1);
  EXPECT_EQ(away.result(), proto::DataAway);
  EXPECT_FALSE(away.unsure());
  EXPECT_THAT(away.text(), Not(HasSubstr(PostgresServer::password())));
  server.start();
  EXPECT_TRUE(wait_until([&] { return save(database, 1).result() == proto::DataOk; }));
}

TEST_F(PostgresFaults, KilledAtWorkItHasWhatWasAnswered) {
  for (int round = 0; round < 3; ++round) {
    const std::uint64_t before = stored(database);
    std::atomic<std::uint64_t> acknowledged = before;
    std::atomic<bool> unsure = false;
    std::atomic<bool> killed = false;
    std::string end;  // of the writer
    std::thread writer([&] {
      for (std::uint64_t version = before;;) {
        const auto ack = save(database, version);
        unsure = ack.unsure();
        if (ack.result() != proto::DataOk) {
          end = ack.text();
          if (killed || unsure) return;
          continue;  // the server that was started again may refuse the first ones
        }
        acknowledged = ++version;
      }
    });
    const bool works = wait_until([&] { return acknowledged > before + 20; });
    killed = true;
    server.kill9();
    writer.join();
    EXPECT_TRUE(works) << end;
    server.start();
    const std::uint64_t now = stored(database);
    EXPECT_GE(now, acknowledged);
    EXPECT_LE(now, acknowledged + (unsure ? 1 : 0)) << "what was said not to be written was";
  }
}

TEST_F(PostgresFaults, OneThatDoesNotAnswerIsGivenUpInTime) {
  EXPECT_EQ(save(database, 0).result(), proto::DataOk);
  server.freeze();
  const auto ack = save(database, 1);
  server.thaw();
  EXPECT_EQ(ack.result(), proto::DataAway);
  EXPECT_THAT(ack.text(), HasSubstr("did not answer within"));
  EXPECT_TRUE(wait_until([&] { return save(database, 1).result() == proto::DataOk; }));
}

TEST_F(PostgresFaults, SeveralThatBeginAtOnceMakeOneSchema) {
  std::vector<std::thread> openers;
  std::atomic<int> failures = 0;
  for (int i = 0; i < 8; ++i) {
    openers.emplace_back([&] {
      try {
        static_cast<void>(data::open(database, 20s));
      } catch (const Failure& failure) {
        ADD_FAILURE() << failure.what();
        ++failures;
      }
    });
  }
  for (auto& opener : openers) opener.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(server.sql("SELECT count(*) FROM cellmesh_migrations", name), "1\n");
}

TEST_F(PostgresFaults, NewerWhileItIsOpenIsRefusedUntilItIsNot) {
  EXPECT_EQ(save(database, 0).result(), proto::DataOk);
  static_cast<void>(server.sql("INSERT INTO cellmesh_migrations (number, name) VALUES (99, 'of the future')", name));
  EXPECT_THAT(look(database), HasSubstr("number 99"));
  EXPECT_THAT(save(database, 1, true).text(), HasSubstr("number 99"));
  static_cast<void>(server.sql("DELETE FROM cellmesh_migrations WHERE number = 99", name));
  EXPECT_TRUE(wait_until([&] { return look(database).empty(); }));
  EXPECT_EQ(save(database, 1, true).result(), proto::DataOk);
}

TEST_F(PostgresFaults, TakenAwayBeneathItIsNotMadeAnew) {
  EXPECT_EQ(save(database, 0).result(), proto::DataOk);
  EXPECT_EQ(look(database, proto::DataJob::WRITE), "");
  static_cast<void>(server.sql("DROP TABLE data_rows, cellmesh_migrations", name));
  EXPECT_NE(look(database), "");
  EXPECT_EQ(save(database, 1, true).result(), proto::DataAway);
  server.restart();
  EXPECT_TRUE(wait_until([&] { return look(database).find("no tables of cellmesh any more") != std::string::npos; }))
      << look(database);
  static_cast<void>(server.sql("DROP DATABASE " + name + " WITH (FORCE)"));
  EXPECT_TRUE(wait_until([&] { return look(database).find("does not exist") != std::string::npos; })) << look(database);
}

TEST_F(PostgresFaults, ReadOnlyIsToldUntilItIsNot) {
  EXPECT_EQ(save(database, 0).result(), proto::DataOk);
  static_cast<void>(server.sql("ALTER DATABASE " + name + " SET default_transaction_read_only = on"));
  server.restart();
  EXPECT_THAT(look(database), HasSubstr("read-only"));
  static_cast<void>(server.sql("SET default_transaction_read_only = off; ALTER DATABASE " + name +
                               " SET default_transaction_read_only = off"));
  server.restart();
  EXPECT_TRUE(wait_until([&] { return look(database, proto::DataJob::WRITE).empty(); })) << look(database);
}

TEST_F(PostgresFaults, ASchemaThatIsNewerIsRefused) {
  static_cast<void>(data::open(database, 5s));
  static_cast<void>(server.sql("INSERT INTO cellmesh_migrations (number, name) VALUES (99, 'of the future')", name));
  try {
    static_cast<void>(data::open(database, 5s));
    FAIL() << "it was opened";
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("number 99"));
    EXPECT_THAT(failure.what(), HasSubstr("as new as the schema"));
  }
}

TEST_F(PostgresFaults, WritersOfTheSameRowsDoNotLoseAWrite) {
  static_cast<void>(data::open(database, 5s));
  std::vector<std::thread> writers;
  std::atomic<std::uint64_t> done = 0;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&] {
      std::uint64_t version = 0;
      for (int n = 0; n < 25;) {
        const auto ack = save(database, version);
        if (ack.result() == proto::DataOk) {
          version = ack.versions(0);
          ++done;
          ++n;
        } else if (ack.result() == proto::DataConflict) {
          version = ack.found().version();
        } else {
          ASSERT_FALSE(ack.unsure()) << ack.text();
        }
      }
    });
  }
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(done, 100U);
  EXPECT_EQ(stored(database), 100U);
}

TEST(DataFaults, ADatabaseThatIsWrittenWronglyIsRefusedWithoutItsPassword) {
  for (const std::string bad : {"hunter2", "postgresql://ann:x@hunter2@db/game", "postgresql://ann:x/hunter2@db/game",
                                "postgresql://a:%zz@hunter2", "postgresql://ann:hunter2@db/game?bad=%", "sqlite:"}) {
    try {
      static_cast<void>(data::database_of(bad, "dev"));
      ADD_FAILURE() << "taken: " << bad;
    } catch (const std::invalid_argument& refusal) {
      EXPECT_THAT(refusal.what(), Not(HasSubstr("hunter2")));
      EXPECT_THAT(refusal.what(), HasSubstr("names no database"));
    }
  }
  ::setenv("CELLMESH_DATABASE", "\xef\xbb\xbfsqlite:/tmp/x.db\r\n", 1);
  EXPECT_EQ(data::database_of("", "dev"), "sqlite:/tmp/x.db");
  ::setenv("CELLMESH_DATABASE", "sqlite:/tmp/x\ny.db", 1);
  EXPECT_THROW(static_cast<void>(data::database_of("", "dev")), std::invalid_argument);
  ::unsetenv("CELLMESH_DATABASE");
}

TEST_F(PostgresFaults, APasswordIsNeverShown) {
  EXPECT_THAT(data::shown(database), Not(HasSubstr(PostgresServer::password())));
  auto wrong = database;
  wrong.replace(wrong.find(PostgresServer::password()), 1, "X");
  try {
    static_cast<void>(data::open(wrong, 5s));
    FAIL() << "it was let in";
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(), Not(HasSubstr("-secret-of-tests")));
    EXPECT_THAT(failure.what(), HasSubstr("password"));
  }
}

// Figures, when asked for: durable saves of one row each a second, by how many share a transaction.
TEST(DataFigures, DISABLED_DurableSaves) {
  const TempDir folder;
  const Entered entered;
  PostgresServer server(PostgresServer::Disk::synced);
  for (const std::string& database : {"sqlite:" + (folder / "data.db").string(), server.url()}) {
    for (const int callers : {1, 16, 64}) {
      int saved = 0;
      const auto start = std::chrono::steady_clock::now();
      while (std::chrono::steady_clock::now() - start < 2s) {
        proto::DataJob job;
        job.set_database(database);
        job.set_timeout_ms(5000);
        for (int i = 0; i < callers; ++i) {
          auto& write = *job.add_steps()->mutable_save()->add_writes();
          write.mutable_key()->set_table("t");
          write.mutable_key()->set_key("player-" + std::to_string((saved + i) % 1000));
          write.set_any_version(true);
          write.set_value(std::string(100, 'x'));
        }
        ASSERT_EQ(data::run_job(job).steps(0).save().result(), proto::DataOk);
        saved += callers;
      }
      std::printf("%-10s %2d callers: %d saves/s\n", database.substr(0, 6).c_str(), callers, saved / 2);
    }
  }
}

}  // namespace
