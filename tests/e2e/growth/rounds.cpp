#include "e2e/growth/rounds.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <vector>

#include "e2e/growth/buyer.hpp"

namespace cm::test {
namespace {

constexpr int kBuyers = 6;
constexpr std::uint32_t kFewest = 3;  // that each buys in a round
constexpr std::uint32_t kMost = 190;
constexpr std::uint64_t kPrice = 10;
constexpr std::uint64_t kStart = 5'000;
constexpr std::uint64_t kExperience = 20;  // of a level
constexpr std::uint64_t kReward = 20;      // for that

std::string prices() {
  std::string list = std::to_string(kPrice);
  for (std::uint32_t i = 1; i < kMost; ++i) list += ", " + std::to_string(kPrice);
  return list;
}

class Rounds {
 public:
  explicit Rounds(Backend backend) {
    if (backend == Backend::postgres) postgres_ = std::make_unique<PostgresServer>();
    Deployment::Options options;
    if (postgres_) options.env["CELLMESH_DATABASE"] = postgres_->url();
    options.settings = {{"game/prices", prices()},
                        {"game/start_coins", std::to_string(kStart)},
                        {"game/level_experience", std::to_string(kExperience)},
                        {"game/minute_experience", "0"},
                        {"game/reward_step", "10"},
                        {"game/reward_coins", "10"}};
    mesh_ = std::make_unique<Deployment>(Shape::consul, std::move(options));
    mesh_->add_host("game2", {"--plugins", "game", "--index", "1"}).await_ready();
    login_ = mesh_->login_address();
    for (const std::string host : {"data", "game", "game2"}) {
      faults_.push_back({host, [this, host] { mesh_->host(host).kill9(); },
                         [this, host] {
                           mesh_->host(host).start();
                           mesh_->host(host).await_ready();
                         }});
    }
    if (!postgres_) return;
    faults_.push_back({"the database", [this] { postgres_->kill9(); }, [this] { postgres_->start(); }});
    faults_.push_back({"the database, stopped", [this] { postgres_->stop(); }, [this] { postgres_->start(); }});
  }

  void run(int count) {
    std::cout << "seed " << seed_ << '\n';
    for (int i = 0; i < count && !testing::Test::HasFailure(); ++i) {
      round(i, faults_[static_cast<std::size_t>(i) % faults_.size()]);
    }
    std::cout << count << " rounds, " << paid_ << " level-ups acknowledged, " << lost_ << " lost, " << doubled_
              << " doubled, " << entered_ << " times entered; seconds:";
    for (const auto& [fault, seconds] : seconds_) std::cout << ' ' << fault << ' ' << seconds << ';';
    std::cout << std::endl;
    if (!testing::Test::HasFailure()) return;
    for (Host* host : mesh_->hosts()) std::cerr << "--- a host's log\n" << tail(host->log(), 3000) << '\n';
  }

 private:
  struct Fault {
    std::string of;
    std::function<void()> kill;
    std::function<void()> start;
  };

  void round(int number, const Fault& fault) {
    const auto begun = Clock::now();
    std::deque<Buyer> buyers;
    std::atomic<bool> over = false;
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < kBuyers; ++i) {
        buyers.emplace_back(login_, "p" + std::to_string(number) + "-" + std::to_string(i));
        threads.emplace_back([&over, &buyer = buyers.back()] { shop(buyer, over); });
      }
      try {
        std::this_thread::sleep_for(random_time(400));
        fault.kill();
        std::this_thread::sleep_for(random_time(100));
        fault.start();
      } catch (const std::exception& e) {
        ADD_FAILURE() << e.what();
      }
      over = true;
    }
    const auto rows = stored(buyers);
    for (const Buyer& buyer : buyers) {
      SCOPED_TRACE("round " + std::to_string(number) + ", " + fault.of + ", " + buyer.uid());
      const auto row = rows.find(buyer.uid());
      if (row == rows.end()) {
        ADD_FAILURE() << "there is no row";
      } else {
        check(buyer, row->second);
      }
    }
    const std::chrono::duration<double> took = Clock::now() - begun;
    seconds_[fault.of] += took.count();
    std::cout << "round " << number << ", " << fault.of << ", " << took.count() << " s: " << paid_
              << " level-ups so far" << std::endl;
  }

  static void shop(Buyer& buyer, const std::atomic<bool>& over) {
    try {
      while (buyer.paid() < kMost && (!over || buyer.paid() < kFewest)) {
        if (!buyer.buy_next()) throw std::runtime_error(buyer.uid() + " has neither coins nor levels left");
      }
    } catch (const std::exception& e) {
      ADD_FAILURE() << e.what();
    }
  }

  std::map<std::string, proto::PlayerData> stored(const std::deque<Buyer>& buyers) {
    std::vector<std::string> uids;
    for (const Buyer& buyer : buyers) uids.push_back(buyer.uid());
    if (postgres_) return stored_in_postgres(*postgres_, uids);
    std::map<std::string, proto::PlayerData> rows;
    for (const auto& uid : uids) rows[uid] = stored_in_sqlite(mesh_->folder() / "data.db", uid);
    return rows;
  }

  void check(const Buyer& buyer, const proto::PlayerData& row) {
    const std::uint64_t paid = buyer.paid();
    const std::uint64_t stored = row.level() - 1;
    lost_ += paid > stored ? paid - stored : 0;
    doubled_ += stored > paid ? stored - paid : 0;
    EXPECT_TRUE(buyer.each_level_once());
    EXPECT_EQ(row.level(), 1 + paid);
    EXPECT_EQ(row.spent(), paid * kPrice);
    EXPECT_EQ(row.experience(), paid * kExperience);
    EXPECT_EQ(row.granted(), kStart + paid * kReward);
    EXPECT_EQ(row.coins(), row.granted() - row.spent());
    paid_ += paid;
    entered_ += buyer.entered();
  }

  milliseconds random_time(int most) { return milliseconds(std::uniform_int_distribution<int>(0, most)(random_)); }

  std::unique_ptr<PostgresServer> postgres_;
  std::unique_ptr<Deployment> mesh_;
  std::string login_;
  std::vector<Fault> faults_;
  const unsigned seed_ = std::random_device{}();
  std::mt19937 random_{seed_};
  std::uint64_t paid_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t doubled_ = 0;
  std::map<std::string, double> seconds_;  // by what was killed
  int entered_ = 0;
};

}  // namespace

void rounds(int count, Backend backend) { Rounds(backend).run(count); }

}  // namespace cm::test
