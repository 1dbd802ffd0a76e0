// Counts what each client sends, in two versions whose state differs, and in bad ones: VERSION is 1 or 2, BAD_... how
// it goes wrong.
#include <cellmesh/plugin.hpp>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <thread>
#include <vector>

#ifdef BAD_MISSING_SYMBOL
extern "C" void nobody_has_this();
#endif
#ifdef BAD_MISSING_LIBRARY
extern "C" int of_a_library_that_goes_away();
#endif

#ifdef BAD_NO_HANDLER
#define on_tick on_another_tick
#endif

class Keeper : public cellmesh::Service<Keeper> {
 public:
#ifdef BAD_LEAVES_THREAD
  Keeper() {
    std::thread([] {
      static std::vector<int> turns(1);
      for (;; std::this_thread::sleep_for(std::chrono::milliseconds(1))) ++turns.front();
    }).detach();
  }
#endif
#ifdef BAD_THROWS_IN_CREATE
  Keeper() { throw std::runtime_error("thrown by create"); }
#endif
  void start() { every<&Keeper::on_tick>(std::chrono::milliseconds(20)); }

#ifdef BAD_THROWS_IN_RESUMED
  void resumed() { throw std::runtime_error("thrown by resumed"); }
#endif

  void on(const keeper::CountREQ& req, cellmesh::Client from) {
#ifdef BAD_FAULTY
    throw std::runtime_error("thrown by on");
#endif
    auto& player = players_[from];
    player.set_counted(player.counted() + 1);
    keeper::CountACK ack;
    ack.set_number(req.number());
    ack.set_counted(player.counted());
    ack.set_version(VERSION);
    ack.set_ticks(ticks_);
    reply(ack);
  }

  void save(keeper::KeeperState& state) const {
    state.set_ticks(ticks_);
#if VERSION == 1
    state.set_only_v1(only_v1_);
#endif
  }
  void load(const keeper::KeeperState& state) {
    ticks_ = state.ticks();
#if VERSION == 1
    only_v1_ = state.only_v1();
#endif
#if defined(BAD_THROWS_IN_LOAD)
    throw std::runtime_error("thrown by load");
#elif defined(BAD_ABORTS)
    std::abort();
#elif defined(BAD_CRASHES)
    std::raise(SIGSEGV);
#elif defined(BAD_EXITS)
    std::exit(7);
#elif defined(BAD_MISSING_SYMBOL)
    nobody_has_this();
#elif defined(BAD_MISSING_LIBRARY)
    ticks_ += static_cast<std::uint64_t>(of_a_library_that_goes_away());
#elif defined(BAD_ALLOCATES)
    std::vector<std::unique_ptr<char[]> > all;  // 8 GiB
    for (int i = 0; i < 128; ++i) all.emplace_back(new char[std::size_t{64} << 20U]);
    throw std::bad_alloc();  // a sanitizer's process has no limit
#elif defined(BAD_HANGS)
    for (volatile bool on = true; on;) {
    }
#endif
  }

  void on_client_closed(cellmesh::Client client, cellmesh::CloseReason /*reason*/) { players_.erase(client); }

 private:
  void on_tick() { ++ticks_; }

  cellmesh::Table<cellmesh::Client, keeper::Player> players_{*this, "players"};
  std::uint64_t ticks_ = 0;
#if VERSION == 1
  std::string only_v1_ = "kept by version 1";
#endif
};

CELLMESH_PLUGIN(Keeper)
