#include <gmock/gmock.h>

#include <map>
#include <set>

#include "unit/sdk/probe.hpp"

namespace cm::test {
namespace {

using testing::ElementsAre;
using testing::Pair;
using testing::UnorderedElementsAre;
using namespace std::chrono_literals;

class Keeper : public cellmesh::Service<Keeper> {
 public:
  static constexpr std::string_view kind = "keeper";
  void start() { after<&Keeper::on_tick>(1s); }
  void on(const probe::LoadREQ& req, cellmesh::Sender /*from*/) {
    ++asked_;
    rows_[req.key()].set_text("of " + req.key());
  }
  void save(probe::KeeperState& state) const { state.set_asked(asked_); }
  void load(const probe::KeeperState& state, std::string_view version) {
    asked_ = state.asked();
    from_ = version;
  }
  void resumed() { log().info("resumed with {} of {}", asked_, from_); }
  void on_tick() {}

  std::int64_t asked_ = 0;
  std::string from_;
  cellmesh::Table<std::string, probe::AskACK> rows_{*this, "rows"};
  cellmesh::Table<cellmesh::Client, probe::AskACK> players_{*this, "players"};
};

class Stateless : public cellmesh::Service<Stateless> {};

// What a service hands over.
struct Copy {
  static cm_status write(cm_state_sink* sink, const std::uint8_t* data, std::size_t size) {
    static_cast<Copy*>(sink->host_data)->message.append(reinterpret_cast<const char*>(data), size);
    return CM_OK;
  }
  static cm_status row(cm_state_sink* sink, const char* table, const std::uint8_t* key, std::size_t key_size,
                       const std::uint8_t* row, std::size_t row_size) {
    auto& self = *static_cast<Copy*>(sink->host_data);
    ++self.handed_over;
    const std::pair at(std::string(table), std::string(reinterpret_cast<const char*>(key), key_size));
    if (row == nullptr) {
      self.rows.erase(at);
    } else {
      self.rows[at] = parsed<probe::AskACK>(std::string(reinterpret_cast<const char*>(row), row_size)).text();
    }
    return CM_OK;
  }
  std::string message;
  std::map<std::pair<std::string, std::string>, std::string> rows;
  int handed_over = 0;
  cm_state_sink sink{sizeof(cm_state_sink), 0, this, &write, &row};
};

// Services whose hooks are called by hand.
class State : public testing::Test {
 protected:
  template <typename T>
  static std::unique_ptr<MemoryHost> make() {
    auto host = std::make_unique<MemoryHost>(kind_of<T>());
    EXPECT_TRUE(host->create());
    return host;
  }
  static const cm_plugin_state& of(MemoryHost& host) {
    return *static_cast<const cm_plugin_state*>(host.extension(CM_EXT_STATE));
  }
  static void* self(MemoryHost& host) { return host.instance(); }
  std::uint64_t hand_over(std::uint32_t most) {
    std::uint64_t left = 0;
    EXPECT_EQ(of(old).rows(self(old), &copy.sink, most, &left), CM_OK);
    return left;
  }
  void ask(const std::string& key) {
    probe::LoadREQ req;
    req.set_key(key);
    EXPECT_EQ(old.deliver({old.up("data#0@test"), 0, 0, {}}, message_id<probe::LoadREQ>, req.SerializeAsString()),
              CM_OK);
  }

  std::unique_ptr<MemoryHost> first = make<Keeper>();
  std::unique_ptr<MemoryHost> second = make<Keeper>();
  MemoryHost& old = *first;
  MemoryHost& next = *second;
  Copy copy;
};

TEST_F(State, IsSavedAndLoadedWithTheVersionThatWroteIt) {
  ask("a");
  ask("b");
  ASSERT_EQ(of(old).save(self(old), &copy.sink), CM_OK);
  const cm_saved_state saved{sizeof saved, 0, reinterpret_cast<const std::uint8_t*>(copy.message.data()),
                             copy.message.size(), "1.2.0"};
  ASSERT_EQ(of(next).load(self(next), &saved), CM_OK);
  ASSERT_EQ(of(next).resumed(self(next)), CM_OK);
  EXPECT_THAT(lines(next), ElementsAre(testing::HasSubstr("resumed with 2 of 1.2.0")));
}

TEST_F(State, ThatDoesNotParseIsRefused) {
  const std::uint8_t garbage[] = {0xFF, 0xFF};
  const cm_saved_state saved{sizeof saved, 0, garbage, sizeof garbage, "1.0.0"};
  EXPECT_EQ(of(next).load(self(next), &saved), CM_BAD_MESSAGE);
}

TEST_F(State, OfAServiceWithoutOneIsEmpty) {
  const auto service = make<Stateless>();
  EXPECT_EQ(of(*service).save(self(*service), &copy.sink), CM_OK);
  EXPECT_EQ(copy.message, "");
}

TEST_F(State, KnowsItsHandlersByKindAndName) {
  EXPECT_NE(of(next).has_handler(self(next), CM_HANDLER_TIMER, "Keeper::on_tick"), 0);
  EXPECT_EQ(of(next).has_handler(self(next), CM_HANDLER_REPLY, "Keeper::on_tick"), 0);
  EXPECT_EQ(of(next).has_handler(self(next), CM_HANDLER_TIMER, "Keeper::on_gone"), 0);
  EXPECT_EQ(of(next).has_handler(self(next), 77, "Keeper::on_tick"), 0);
}

TEST_F(State, RowsGoOverAFewAtATime) {
  for (const char* key : {"a", "b", "c", "d", "e"}) ask(key);
  of(old).follow(self(old), 1);
  EXPECT_EQ(hand_over(2), 3U);
  EXPECT_EQ(copy.handed_over, 2);
  EXPECT_EQ(hand_over(100), 0U);
  EXPECT_EQ(copy.handed_over, 5);
  EXPECT_EQ(hand_over(100), 0U);
  EXPECT_EQ(copy.handed_over, 5);
}

TEST_F(State, RowsThatChangedSinceGoOverAgainAndOthersDoNot) {
  for (const char* key : {"a", "b", "c"}) ask(key);
  of(old).follow(self(old), 1);
  EXPECT_EQ(hand_over(2), 1U);
  ask("a");  // went over before: again
  ask("a");
  ask("c");  // did not yet: once is enough
  EXPECT_EQ(hand_over(100), 0U);
  EXPECT_EQ(copy.handed_over, 4);
}

TEST_F(State, FollowingIsBegunAnewAndEnds) {
  ask("a");
  of(old).follow(self(old), 1);
  hand_over(100);
  of(old).follow(self(old), 1);
  EXPECT_EQ(hand_over(100), 0U);
  EXPECT_EQ(copy.handed_over, 2);
  of(old).follow(self(old), 0);
  ask("a");
  EXPECT_EQ(hand_over(100), 0U);
  EXPECT_EQ(copy.handed_over, 2);
}

TEST_F(State, ARowOfATableThatIsNoLongerThereIsNotFound) {
  const std::uint8_t key[] = {'k'};
  EXPECT_EQ(of(next).load_row(self(next), "gone", key, 1, key, 0), CM_NOT_FOUND);
  EXPECT_EQ(of(next).load_row(self(next), "rows", key, 1, key, 0), CM_OK);
  EXPECT_EQ(of(next).load_row(self(next), "players", key, 1, key, 0), CM_BAD_MESSAGE);
}

// The service is made by the fixture's host so that a table has one.
class Rows : public testing::Test {
 protected:
  Rows() : keeper_(make()) {}
  std::unique_ptr<Keeper> make() {
    cellmesh::detail::creating = host_.abi();
    auto made = std::make_unique<Keeper>();
    cellmesh::detail::creating = nullptr;
    return made;
  }
  cellmesh::detail::Tables& tables() { return cellmesh::detail::Access::core(*keeper_).tables; }
  MemoryHost host_{kind_of<Keeper>()};
  std::unique_ptr<Keeper> keeper_;
  Copy copy_;
};

TEST_F(Rows, StayWhereTheyAreUntilErased) {
  auto& row = keeper_->rows_["a"];
  row.set_text("first");
  for (int i = 0; i < 1000; ++i) keeper_->rows_["k" + std::to_string(i)];
  EXPECT_EQ(keeper_->rows_.find("a"), &row);
  EXPECT_TRUE(keeper_->rows_.erase("a"));
  EXPECT_FALSE(keeper_->rows_.erase("a"));
  EXPECT_EQ(keeper_->rows_.find("a"), nullptr);
  EXPECT_EQ(keeper_->rows_.edit("a"), nullptr);
  EXPECT_EQ(keeper_->rows_["a"].text(), "") << "a row made anew has nothing of the one before";
}

TEST_F(Rows, KeepWhatTheirVersionDoesNotKnow) {
  probe::NewsACK newer;
  newer.set_text("same");
  newer.set_number(7);
  const std::string bytes = newer.SerializeAsString();
  const std::uint8_t key[] = {'k'};
  auto* table = tables().find("rows");
  ASSERT_TRUE(table->load(key, {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}));
  keeper_->rows_.edit("k")->set_text("changed");
  EXPECT_EQ(parsed<probe::NewsACK>(keeper_->rows_.find("k")->SerializeAsString()).number(), 7);
}

TEST_F(Rows, TwoTablesOfOneNameAreRefused) {
  EXPECT_THROW((cellmesh::Table<std::string, probe::AskACK>(*keeper_, "rows")), std::logic_error);
}

// However rows come, change and go between the steps, the copy ends as the table is.
TEST_F(Rows, OfARandomHistoryEndAsTheyAre) {
  std::uint32_t random = 12345;
  const auto next = [&](std::uint32_t n) {
    random = random * 1664525U + 1013904223U;
    return (random >> 8U) % n;
  };
  for (int round = 0; round < 200; ++round) {
    tables().follow(true);
    copy_.rows.clear();
    std::uint64_t left = 1;
    for (int step = 0; step < 40 || left > 0; ++step) {
      for (std::uint32_t change = next(4); change > 0 && step < 40; --change) {
        const std::string key = "k" + std::to_string(next(30));
        if (next(3) == 0) {
          keeper_->rows_.erase(key);
        } else {
          keeper_->rows_[key].set_text(std::to_string(next(1000)));
        }
      }
      ASSERT_EQ(tables().hand_over(copy_.sink, next(5), left), cellmesh::Status::ok);
    }
    std::map<std::pair<std::string, std::string>, std::string> truth;
    keeper_->rows_.for_each([&](const std::string& key, const probe::AskACK& row) {
      truth[{"rows", key}] = row.text();
    });
    ASSERT_EQ(copy_.rows, truth) << "round " << round;
  }
}

}  // namespace
}  // namespace cm::test
