// Which requests may be done beside which.
#include "queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using data::Queue;
using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

class DataQueue : public testing::Test {
 protected:
  static proto::DataKey key(const std::string& name) {
    proto::DataKey key;
    key.set_table("t");
    key.set_key(name);
    return key;
  }
  void save(Queue::Id id, const std::vector<std::string>& keys, std::size_t bytes = 1) {
    proto::DataStep step;
    for (const auto& name : keys) {
      auto& write = *step.mutable_save()->add_writes();
      *write.mutable_key() = key(name);
      write.set_value(std::string(bytes, 'x'));
    }
    queue.add(id, step, 0ms);
  }
  void load(Queue::Id id, const std::vector<std::string>& keys) {
    proto::DataStep step;
    for (const auto& name : keys) *step.mutable_load()->add_keys() = key(name);
    queue.add(id, step, 0ms);
  }
  void list(Queue::Id id, const std::string& prefix) {
    proto::DataStep step;
    step.mutable_list()->set_table("t");
    step.mutable_list()->set_prefix(prefix);
    queue.add(id, step, 0ms);
  }
  std::vector<Queue::Id> saves(Queue::Job job) { return queue.take_saves(job, {}); }
  std::vector<Queue::Id> reads(Queue::Job job) { return queue.take_reads(job, {}); }

  Queue queue;
};

TEST_F(DataQueue, OneJobDoesSavesOfTheSameRowOneAfterTheOther) {
  save(1, {"a"});
  save(2, {"b"});
  save(3, {"a"});
  EXPECT_THAT(saves(1), ElementsAre(1, 2, 3));
}

TEST_F(DataQueue, ASaveWaitsForAnotherJobsOfItsRow) {
  save(1, {"a"});
  EXPECT_THAT(saves(1), ElementsAre(1));
  save(2, {"a", "b"});
  save(3, {"b"});  // behind 2
  save(4, {"c"});
  EXPECT_THAT(saves(2), ElementsAre(4));
  queue.remove(1);
  EXPECT_THAT(saves(3), ElementsAre(2, 3));
}

TEST_F(DataQueue, ALoadWaitsForSavesBeforeItAndNotForThoseAfter) {
  save(1, {"a"});
  load(2, {"a"});
  load(3, {"b"});
  save(4, {"b"});
  EXPECT_THAT(reads(1), ElementsAre(3));
  EXPECT_THAT(saves(2), ElementsAre(1)) << "4 waits for the load before it";
  EXPECT_THAT(reads(3), IsEmpty());
  queue.remove(3);
  EXPECT_THAT(saves(4), ElementsAre(4));
  queue.remove(1);
  EXPECT_THAT(reads(5), ElementsAre(2));
}

TEST_F(DataQueue, LoadsOfOneRowGoTogether) {
  load(1, {"a"});
  EXPECT_THAT(reads(1), ElementsAre(1));
  load(2, {"a", "a"});
  EXPECT_THAT(reads(2), ElementsAre(2));
  queue.remove(1);
  queue.remove(2);
  save(3, {"a"});
  EXPECT_THAT(saves(3), ElementsAre(3));
}

TEST_F(DataQueue, AListWaitsForSavesBeforeItInItsRange) {
  save(1, {"a/1"});
  list(2, "a/");
  list(3, "b/");
  save(4, {"a/2"});
  EXPECT_THAT(reads(1), ElementsAre(3));
  EXPECT_THAT(saves(2), ElementsAre(1, 4));
  EXPECT_THAT(reads(3), IsEmpty());
  queue.remove(1);
  EXPECT_THAT(reads(4), ElementsAre(2)) << "4 came after it";
}

TEST_F(DataQueue, WhatIsPutBackKeepsItsPlace) {
  save(1, {"a"});
  save(2, {"a"});
  EXPECT_THAT(saves(1), ElementsAre(1, 2));
  save(3, {"a"});
  queue.remove(1);
  queue.put_back(2);
  EXPECT_THAT(saves(2), ElementsAre(2, 3));
}

TEST_F(DataQueue, AJobIsBoundedButALargeOneIsDoneAlone) {
  for (Queue::Id id = 1; id <= 4; ++id) save(id, {std::to_string(id)}, 1000);
  EXPECT_THAT(queue.take_saves(1, {.steps = 2, .bytes = 10'000}), ElementsAre(1, 2));
  EXPECT_THAT(queue.take_saves(2, {.steps = 2, .bytes = 10}), ElementsAre(3));
}

TEST_F(DataQueue, NothingIsLeftOfWhatIsRemoved) {
  save(1, {"a", "b"});
  load(2, {"a"});
  list(3, "a");
  EXPECT_GT(queue.bytes(), 0U);
  EXPECT_THAT(queue.waiting(), ElementsAre(1, 2, 3));
  for (Queue::Id id = 1; id <= 3; ++id) queue.remove(id);
  EXPECT_EQ(queue.bytes(), 0U);
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_THAT(saves(1), IsEmpty());
}

TEST_F(DataQueue, WhatRunsAfterAReloadHoldsBackWhatItDidBefore) {
  save(1, {"a"});
  save(2, {"a"});
  queue.resume(1, 7);
  EXPECT_THAT(saves(8), IsEmpty());
  queue.remove(1);
  EXPECT_THAT(saves(9), ElementsAre(2));
}

TEST_F(DataQueue, TellsWhatWaitsForTooLong) {
  save(1, {"a"});
  save(2, {"b"});
  EXPECT_THAT(saves(1), ElementsAre(1, 2));
  save(3, {"a"});
  EXPECT_THAT(queue.waiting_since_before(1ms), ElementsAre(3));
  EXPECT_THAT(queue.waiting_since_before(0ms), IsEmpty());
}

}  // namespace
