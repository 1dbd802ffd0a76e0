// Reloads game, hub and agent again and again under numbered traffic, and says whether anything was lost.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "soak.pb.h"
#include "soak/mesh.hpp"
#include "soak/players.hpp"

namespace {

using namespace cm::soak;
using Clock = std::chrono::steady_clock;

struct Plan {
  int reloads = 1000;  // of the game; of hub and agent, a tenth each
  int players = 50;
  int rate = 6000;  // messages a second, of all players
};

Plan parse(int argc, char** argv) {
  Plan plan;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view word = argv[i];
    const std::string_view text = argv[i + 1];
    int* to = word == "--reloads" ? &plan.reloads : word == "--players" ? &plan.players : &plan.rate;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), *to);
    if (ec != std::errc() || end != text.data() + text.size() || *to <= 0) {
      throw std::runtime_error(std::string(word) + " needs a number from 1 on");
    }
  }
  return plan;
}

// Pauses in microseconds.
struct Pauses {
  std::string what;
  std::vector<double> us;
  [[nodiscard]] double at(double quantile) const {
    if (us.empty()) return 0;
    auto sorted = us;
    std::sort(sorted.begin(), sorted.end());
    return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(quantile * static_cast<double>(sorted.size())))];
  }
};

class Soak {
 public:
  explicit Soak(Plan plan) : plan_(plan), control_(cm::test::enter(mesh_.login_address())) {}

  bool run() {
    await_mesh();
    const auto begin = Clock::now();
    Players players(mesh_.login_address(), plan_.players, plan_.rate);
    phase(players, "50 players", 0, plan_.reloads * 2 / 5);
    phase(players, "+ 1,000", 1'000, plan_.reloads * 3 / 10);
    phase(players, "+ 10,000", 10'000, plan_.reloads - plan_.reloads * 2 / 5 - plan_.reloads * 3 / 10);
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    players.stop();
    report(players.sum(), seconds);
    return ok_;
  }

 private:
  // Until the game answers, and hears itself through the hub: what it missed before that is not counted.
  void await_mesh() {
    const bool up = cm::test::wait_until([&] {
      control_.send(::soak::TotalsREQ());
      for (;;) {
        const auto frame = control_.read();
        if (!frame) throw std::runtime_error("the agent closed");
        if (frame->is<proto::NoticeACK>()) return false;
        if (!frame->is<::soak::TotalsACK>()) continue;
        const auto totals = frame->as<::soak::TotalsACK>();
        wrong_at_start_ = totals.wrong();
        return totals.heard() > 10;
      }
    });
    if (!up) throw std::runtime_error("the mesh does not serve players");
  }

  void phase(const Players& players, const std::string& name, std::uint64_t filled, int reloads) {
    if (filled > 0) {
      ::soak::FillREQ fill;
      fill.set_players(filled);
      control_.send(fill);
      must(control_.expect<::soak::FillACK>(std::chrono::seconds(60)).players() == filled, "the game was not filled");
    }
    Pauses game{"game, " + name, {}};
    const int warm = std::min(20, reloads / 2);
    for (int i = 0; i < reloads; ++i) {
      if (i == warm) before_ = mesh_.game_memory();
      take(game, mesh_.reload_game());
      if (i % 10 == 3) take(hub_, mesh_.reload_hub());
      if (i % 10 == 7) take(agent_, mesh_.reload_agent());
      if ((i + 1) % 50 == 0 || i + 1 == reloads) {
        std::fprintf(stderr, "\r%s: %d of %d reloads, %llu answers   ", name.c_str(), i + 1, reloads,
                     static_cast<unsigned long long>(players.sum().answered));
      }
    }
    std::fprintf(stderr, "\n");
    after_ = mesh_.game_memory();
    pauses_.push_back(std::move(game));
  }

  void take(Pauses& pauses, const Mesh::Reloaded& reloaded) {
    if (!reloaded.ok) must(false, "a reload was refused: " + reloaded.why);
    pauses.us.push_back(reloaded.pause_us);
  }

  void must(bool holds, const std::string& what) {
    if (holds) return;
    ok_ = false;
    if (complaints_++ < 10) std::cout << "WRONG: " << what << '\n';
  }

  // What was under way comes back first.
  ::soak::TotalsACK totals() {
    ::soak::TotalsACK totals;
    (void)cm::test::wait_until([&] {
      control_.send(::soak::TotalsREQ());
      totals = control_.expect<::soak::TotalsACK>();
      return totals.asked() == totals.answered() && totals.jobs() == totals.jobs_done() &&
             totals.published() - totals.heard() < 2;
    });
    return totals;
  }

  void report(const Players::Sum& sum, double seconds) {
    const auto ticks = totals().ticks();
    const bool fires = cm::test::wait_until([&] { return totals().ticks() > ticks; });
    const auto t = totals();
    std::printf(
        "%llu messages in %.0f s (%.0f/s in all entries: messages, answers, requests), %zu + %zu + %zu reloads\n",
        static_cast<unsigned long long>(sum.sent), seconds,
        static_cast<double>(sum.sent + sum.answered + 2 * sum.events) / seconds,
        pauses_[0].us.size() + pauses_[1].us.size() + pauses_[2].us.size(), hub_.us.size(), agent_.us.size());
    std::printf("players:  sent %llu, answered %llu, requests %llu, came back %llu, ended early %zu\n",
                static_cast<unsigned long long>(sum.sent), static_cast<unsigned long long>(sum.answered),
                static_cast<unsigned long long>(sum.events_due), static_cast<unsigned long long>(sum.events),
                sum.failures.size());
    std::printf(
        "the game: asked %llu, answered %llu; published %llu, heard %llu; jobs %llu, done %llu; ticks %llu; wrong "
        "%llu\n",
        static_cast<unsigned long long>(t.asked()), static_cast<unsigned long long>(t.answered()),
        static_cast<unsigned long long>(t.published()), static_cast<unsigned long long>(t.heard()),
        static_cast<unsigned long long>(t.jobs()), static_cast<unsigned long long>(t.jobs_done()),
        static_cast<unsigned long long>(t.ticks()), static_cast<unsigned long long>(t.wrong() - wrong_at_start_));
    for (const auto* p : {&pauses_[0], &pauses_[1], &pauses_[2], &hub_, &agent_}) {
      std::printf("pause of %-18s p50 %6.0f us, p99 %6.0f us, max %6.0f us\n", p->what.c_str(), p->at(0.5), p->at(0.99),
                  p->at(1));
    }
    const double growth = 100.0 *
                          (static_cast<double>(after_.resident_kib) - static_cast<double>(before_.resident_kib)) /
                          static_cast<double>(before_.resident_kib);
    std::printf(
        "the game's host: %zu KiB resident before the last reloads, %zu KiB after (%+.2f %%); libraries mapped: %zu, "
        "generations: %zu\n",
        before_.resident_kib, after_.resident_kib, growth, after_.libraries, after_.generations);

    for (const auto& failure : sum.failures) must(false, "a player: " + failure);
    must(sum.sent == sum.answered, "messages were lost");
    must(sum.events == sum.events_due, "requests were lost");
    must(t.asked() == t.answered() && t.jobs() == t.jobs_done() && t.published() - t.heard() < 2,
         "the game lost something");
    must(t.wrong() == wrong_at_start_, "the game complains: " + t.last_wrong());
    must(fires, "the timer does not fire any more");
    must(after_.libraries == 1 && after_.generations == 1, "older generations are still there");
    std::printf("goal: p99 below 1 ms at 10,000 players: %s; growth below 1 %%: %s\n",
                pauses_[2].at(0.99) < 1000 ? "held" : "MISSED", growth < 1 ? "held" : "MISSED");
    if (!ok_) std::cout << mesh_.logs();
    std::cout << (ok_ ? "PASS\n" : "FAIL\n");
  }

  const Plan plan_;
  Mesh mesh_;
  cm::test::Client control_;
  std::vector<Pauses> pauses_;
  Pauses hub_{"hub", {}};
  Pauses agent_{"agent", {}};
  Mesh::Memory before_;
  Mesh::Memory after_;
  std::uint64_t wrong_at_start_ = 0;
  bool ok_ = true;
  int complaints_ = 0;
};

}  // namespace

int main(int argc, char** argv) try { return Soak(parse(argc, argv)).run() ? 0 : 1; } catch (const std::exception& e) {
  std::cerr << "soak: " << e.what() << '\n';
  return 1;
}
