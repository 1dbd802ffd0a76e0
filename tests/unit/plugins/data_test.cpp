#include <cellmesh/testkit.hpp>

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "support/temp_dir.hpp"
#include "support/wait.hpp"

namespace {

using cellmesh::ServiceId;
using cellmesh::Status;
using cellmesh::test::Ask;
using cellmesh::test::Did;
using cellmesh::test::Host;
using cellmesh::test::Unexpected;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

class DataPlugin : public testing::Test {
 protected:
  [[nodiscard]] proto::DataSettings settings() const {
    proto::DataSettings settings;
    settings.set_database("sqlite:" + (folder / "data.db").string());
    settings.set_connections(4);
    settings.set_statement_timeout_ms(3000);
    settings.set_max_queued(5);
    settings.set_max_queued_mib(4);
    return settings;
  }
  void SetUp() override { host.run_jobs(); }

  static proto::SaveDataREQ write(const std::string& key, std::uint64_t version, const std::string& value) {
    proto::SaveDataREQ req;
    auto& one = *req.add_writes();
    one.mutable_key()->set_table("t");
    one.mutable_key()->set_key(key);
    one.set_version(version);
    one.set_value(value);
    return req;
  }
  static proto::LoadDataREQ read(const std::string& key) {
    proto::LoadDataREQ req;
    req.add_keys()->set_table("t");
    req.mutable_keys(0)->set_key(key);
    return req;
  }
  // Until nothing more is to be done.
  void run_all() {
    while (host.run_jobs() > 0) {
    }
  }
  proto::SaveDataACK saved(const Ask& ask) { return host.reply<proto::SaveDataACK>(ask); }
  std::string load(const std::string& key) {
    const auto ask = host.ask(read(key), game);
    run_all();
    const auto row = host.reply<proto::LoadDataACK>(ask).rows(0);
    return row.value() + " v" + std::to_string(row.version());
  }

  cm::test::TempDir folder;
  Host host{"data#0@test", settings()};
  ServiceId game = host.up("game#0@test");
};

TEST_F(DataPlugin, WhatIsSavedIsLoadedAndListed) {
  const auto save = host.ask(write("ann", 0, "rich"), game);
  run_all();
  EXPECT_EQ(saved(save).versions(0), 1U);
  EXPECT_EQ(load("ann"), "rich v1");
  proto::ListDataREQ req;
  req.set_table("t");
  const auto list = host.ask(req, game);
  run_all();
  EXPECT_EQ(host.reply<proto::ListDataACK>(list).rows_size(), 1);
  EXPECT_EQ(host.metric("saves"), 1);
  EXPECT_EQ(host.metric("loads"), 1);
  EXPECT_EQ(host.metric("lists"), 1);
  EXPECT_EQ(host.metric("queue"), 0);
}

TEST_F(DataPlugin, WhatComesMeanwhileIsDoneTogether) {
  const auto first = host.ask(write("a", 0, "1"), game);
  const auto second = host.ask(write("b", 0, "1"), game);
  const auto third = host.ask(write("b", 0, "2"), game);
  EXPECT_EQ(host.memory().jobs().size(), 1U);
  EXPECT_EQ(host.run_jobs(), 1U);
  EXPECT_EQ(saved(first).result(), proto::DataOk);
  EXPECT_EQ(host.memory().jobs().size(), 1U);
  EXPECT_EQ(host.run_jobs(), 1U);
  EXPECT_EQ(saved(second).result(), proto::DataOk);
  EXPECT_EQ(saved(third).result(), proto::DataConflict);
  EXPECT_EQ(host.metric("conflicts"), 1);
}

TEST_F(DataPlugin, ALoadSeesTheSaveBeforeIt) {
  static_cast<void>(host.ask(write("a", 0, "new"), game));
  EXPECT_EQ(load("a"), "new v1");
}

TEST_F(DataPlugin, BadRequestsAreToldWhy) {
  const auto why = [&](const auto& req, auto ack) {
    ack = host.reply<decltype(ack)>(host.ask(req, game));
    EXPECT_EQ(ack.result(), proto::DataInvalid);
    return ack.text();
  };
  auto save = write("a", 0, "x");
  save.mutable_writes(0)->mutable_key()->set_table("Players");
  EXPECT_THAT(why(save, proto::SaveDataACK()), HasSubstr("table's name"));
  EXPECT_THAT(why(write("", 0, "x"), proto::SaveDataACK()), HasSubstr("not empty"));
  EXPECT_THAT(why(write(std::string(201, 'k'), 0, "x"), proto::SaveDataACK()), HasSubstr("200 bytes"));
  EXPECT_THAT(why(write(std::string("a\0b", 3), 0, "x"), proto::SaveDataACK()), HasSubstr("none of them zero"));
  EXPECT_THAT(why(write("a", 0, std::string(256 * 1024 + 1, 'x')), proto::SaveDataACK()), HasSubstr("256 KiB"));
  save = write("a", 0, "x");
  *save.add_writes() = save.writes(0);
  EXPECT_THAT(why(save, proto::SaveDataACK()), HasSubstr("different keys"));
  save = write("a", 0, "x");
  save.mutable_writes(0)->set_remove(true);
  EXPECT_THAT(why(save, proto::SaveDataACK()), HasSubstr("no value"));
  save.Clear();
  for (int i = 0; i < 13; ++i) *save.add_writes() = write(std::to_string(i), 0, std::string(256 * 1024, 'x')).writes(0);
  EXPECT_THAT(why(save, proto::SaveDataACK()), HasSubstr("3 MiB"));
  save.Clear();
  for (int i = 0; i < 101; ++i) *save.add_writes() = write(std::to_string(i), 0, "x").writes(0);
  EXPECT_THAT(why(save, proto::SaveDataACK()), HasSubstr("100 writes"));
  EXPECT_THAT(why(read(""), proto::LoadDataACK()), HasSubstr("not empty"));
  proto::ListDataREQ list;
  EXPECT_THAT(why(list, proto::ListDataACK()), HasSubstr("table's name"));
  EXPECT_EQ(host.metric("invalid"), 11);
  EXPECT_THAT(host.memory().jobs(), IsEmpty());
}

TEST_F(DataPlugin, ARequestTooManyIsRefusedAtOnce) {
  for (int i = 0; i < 5; ++i) static_cast<void>(host.ask(write("a", 0, "x"), game));
  const auto refused = saved(host.ask(write("b", 0, "x"), game));
  EXPECT_EQ(refused.result(), proto::DataAway);
  EXPECT_FALSE(refused.unsure());
  EXPECT_THAT(refused.text(), HasSubstr("as much to do as it takes"));
  run_all();
  EXPECT_EQ(load("b"), " v0");
}

TEST_F(DataPlugin, BytesTooManyAreRefusedAtOnce) {
  proto::SaveDataREQ large;
  for (int i = 0; i < 11; ++i) {
    *large.add_writes() = write(std::to_string(i), 0, std::string(256 * 1024, 'x')).writes(0);
  }
  static_cast<void>(host.ask(large, game));
  EXPECT_EQ(saved(host.ask(large, game)).result(), proto::DataAway);
}

TEST_F(DataPlugin, WhatWaitsForTooLongIsAnswered) {
  const auto runs = host.ask(write("a", 0, "x"), game);
  const auto waits = host.ask(write("b", 0, "x"), game);
  host.advance(4s);
  EXPECT_EQ(saved(waits).result(), proto::DataAway);
  EXPECT_FALSE(saved(host.ask(write("", 0, ""), game)).unsure());
  run_all();
  EXPECT_EQ(saved(runs).result(), proto::DataOk);
  EXPECT_EQ(load("b"), " v0");
}

TEST_F(DataPlugin, WhatRunsAndWhatWaitsIsAnsweredOnceByTheNextGeneration) {
  const auto runs = host.ask(write("a", 0, "x"), game);
  const auto waits = host.ask(write("a", 1, "y"), game);
  const auto reads = host.ask(read("a"), game);
  host.reload();
  host.reload();
  run_all();
  EXPECT_EQ(saved(runs).versions(0), 1U);
  EXPECT_EQ(saved(waits).versions(0), 2U);
  EXPECT_EQ(host.reply<proto::LoadDataACK>(reads).rows(0).value(), "y");
  EXPECT_EQ(load("a"), "y v2");
}

TEST_F(DataPlugin, AnAnswerThatHasNoRoomIsSentLater) {
  const auto ask = host.ask(write("a", 0, "x"), game);
  host.refuse(Did::reply, Status::backpressure);
  run_all();
  host.advance(1s);
  host.reload();
  host.refuse(Did::reply, Status::ok);
  host.clear();
  host.advance(1s);
  EXPECT_EQ(saved(ask).result(), proto::DataOk);
  EXPECT_EQ(host.metric("queue"), 0);
}

TEST_F(DataPlugin, AHostWithNoRoomForAJobIsAskedAgain) {
  host.refuse(Did::offload, Status::backpressure);
  const auto ask = host.ask(write("a", 0, "x"), game);
  host.refuse(Did::offload, Status::ok);
  host.advance(1s);
  run_all();
  EXPECT_EQ(saved(ask).result(), proto::DataOk);
}

TEST_F(DataPlugin, WhatWaitsAtItsStopIsDone) {
  host.refuse(Did::offload, Status::backpressure);
  const auto ask = host.ask(write("a", 0, "x"), game);
  host.stop();
  EXPECT_EQ(saved(ask).result(), proto::DataOk);
}

TEST_F(DataPlugin, ADatabaseThatIsAwayFailsRequestsAtOnceAndIsTriedAgain) {
  auto there = settings();
  const auto path = folder / "later/data.db";
  cm::test::write_file(folder / "later", "not a folder");
  there.set_database("sqlite:" + path.string());
  Host other("data#1@test", there);
  const ServiceId asker = other.up("game#0@test");
  other.run_jobs();
  EXPECT_THAT(other.unhealthy(), HasSubstr("later"));
  const auto ask = other.ask(write("a", 0, "x"), asker);
  while (other.run_jobs() > 0) {
  }
  const auto ack = other.reply<proto::SaveDataACK>(ask);
  EXPECT_EQ(ack.result(), proto::DataAway);
  EXPECT_THAT(ack.text(), HasSubstr("later"));
  EXPECT_FALSE(ack.unsure());
  EXPECT_EQ(other.metric("failures"), 1);
  std::filesystem::remove(folder / "later");
  EXPECT_TRUE(cm::test::wait_until([&] {
    const auto again = other.ask(write("a", 0, "x"), asker);
    while (other.run_jobs() > 0) {
    }
    return other.reply<proto::SaveDataACK>(again).result() == proto::DataOk;
  }));
  other.advance(1s);
  other.run_jobs();
  EXPECT_EQ(other.unhealthy(), "") << "nobody has to ask for it";
}

TEST_F(DataPlugin, IsUnhealthyUntilItsDatabaseIsOpenAndWhileItIsGone) {
  Host other("data#1@test", settings());
  EXPECT_THAT(other.unhealthy(), HasSubstr("not open yet"));
  other.run_jobs();
  EXPECT_EQ(other.unhealthy(), "");
  std::filesystem::rename(folder / "data.db", folder / "away");
  other.advance(3s);  // nobody asks for anything
  other.run_jobs();
  EXPECT_THAT(other.unhealthy(), HasSubstr("is gone"));
  other.reload();
  EXPECT_THAT(other.unhealthy(), HasSubstr("is gone")) << "no gap at a reload";
  EXPECT_FALSE(std::filesystem::exists(folder / "data.db"));
  std::filesystem::rename(folder / "away", folder / "data.db");
  EXPECT_TRUE(cm::test::wait_until([&] {
    other.advance(1s);
    other.run_jobs();
    return other.unhealthy().empty();
  }));
}

TEST_F(DataPlugin, ASettingThatNamesNoDatabaseRefusesTheStartAndIsNotRepeated) {
  auto bad = settings();
  bad.set_database("mysql://ann:secret@host/db");
  Host other("data#1@test", bad, cellmesh::test::not_started);
  try {
    static_cast<void>(other.start());
    FAIL() << "it started";
  } catch (const std::exception& e) {
    EXPECT_THAT(e.what(), HasSubstr("sqlite:PATH"));
    EXPECT_THAT(e.what(), testing::Not(HasSubstr("secret")));
  }
}

TEST_F(DataPlugin, WithoutASettingTheEnvironmentDecides) {
  const std::string file = (folder / "by_environment.db").string();
  ::setenv("CELLMESH_DATABASE", ("sqlite:" + file).c_str(), 1);
  auto empty = settings();
  empty.clear_database();
  Host other("data#1@test", empty);
  ::unsetenv("CELLMESH_DATABASE");
  other.run_jobs();
  EXPECT_TRUE(std::filesystem::exists(file));
}

TEST_F(DataPlugin, WithoutEitherItIsAFileOfTheGroup) {
  ::setenv("XDG_STATE_HOME", folder.path().c_str(), 1);
  auto empty = settings();
  empty.clear_database();
  Host other("data#1@eu7", empty);
  ::unsetenv("XDG_STATE_HOME");
  other.run_jobs();
  EXPECT_TRUE(std::filesystem::exists(folder / "cellmesh/eu7.db"));
}

}  // namespace
