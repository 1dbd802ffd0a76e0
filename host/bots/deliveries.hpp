#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cm::bots {

// Compares what robots said with what they heard, topic by topic: see `join` in cellmesh/abi/robot.h. All of a run are
// on one thread, so it is known who was in a topic when a line was said. What does not hold is told at once, or at the
// end where it can be told then only.
class Deliveries {
 public:
  enum class Rule : std::uint8_t { heard, once, ordered, said };
  // `why` names topic, line and listener. An empty one: it held.
  using Judge = std::function<void(Rule rule, const std::string& why)>;

  explicit Deliveries(Judge judge) : judge_(std::move(judge)) {}

  void join(std::uint64_t robot, std::string_view topic);
  void leave(std::uint64_t robot, std::string_view topic);
  void leave_all(std::uint64_t robot);
  // False when the topic has as many lines as it may: this one is not looked at.
  bool said(std::string_view topic, std::uint64_t key);
  void settled(std::string_view topic, std::uint64_t key, bool taken);
  void heard(std::uint64_t robot, std::string_view topic, std::uint64_t key, std::uint64_t order, bool old);

  // Lines that somebody is still to hear: 0 when all is well.
  [[nodiscard]] std::uint64_t missing() const;
  // Judges what can be judged at the end only.
  void finish();

  [[nodiscard]] std::size_t topics() const { return topics_.size(); }
  [[nodiscard]] std::uint64_t lines() const { return lines_; }
  [[nodiscard]] std::uint64_t taken() const { return taken_; }
  [[nodiscard]] std::uint64_t deliveries() const { return deliveries_; }
  [[nodiscard]] std::uint64_t unchecked() const { return unchecked_; }  // lines beyond the bound of their topic

  static constexpr std::size_t kMostLines = 1U << 20U;  // of a topic

 private:
  enum class State : std::uint8_t { open, taken, refused };
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  struct Line {
    std::uint64_t key = 0;
    std::uint64_t order = 0;  // as its first listener saw it
    std::uint32_t next_of_speaker = kNone;
    State state = State::open;
    bool was_heard = false;
  };
  // One robot in one topic, from a join to a leave.
  struct Listener {
    std::uint32_t begin = 0;  // lines said from here on are for it
    std::uint64_t last_order = 0;
    std::vector<bool> heard;           // [line - begin]
    std::vector<std::uint32_t> early;  // lines from before that it heard all the same
  };
  struct Gap {
    std::uint32_t line = 0;
    std::uint64_t robot = 0;
  };
  struct Topic {
    std::string name;
    std::vector<Line> lines;
    std::unordered_map<std::uint64_t, std::uint32_t> by_key;
    std::unordered_map<std::uint64_t, std::uint32_t> last_of_speaker;
    std::unordered_map<std::uint64_t, Listener> listeners;
    std::vector<Gap> gaps;  // lines that a robot which left did not hear, and heard later ones
  };
  Topic& topic(std::string_view name);
  [[nodiscard]] Line* line(Topic& topic, std::uint64_t key, std::uint32_t& index);
  void end(Topic& topic, std::uint64_t robot, const Listener& listener);
  void judge(Rule rule, const Topic& topic, std::uint64_t key, std::uint64_t robot, const char* why);

  const Judge judge_;
  std::map<std::string, std::unique_ptr<Topic>, std::less<>> topics_;
  std::unordered_map<std::uint64_t, std::vector<Topic*>> of_robot_;
  std::uint64_t lines_ = 0, taken_ = 0, deliveries_ = 0, unchecked_ = 0;
};

}  // namespace cm::bots
