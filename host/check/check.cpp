#include "check/check.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "base/child_process.hpp"
#include "base/closest.hpp"
#include "base/sanitizer.hpp"
#include "check/examine.hpp"
#include "check/steps.hpp"
#include "plugin/elf_file.hpp"
#include "plugin/library_copy.hpp"
#include "plugin/private_dir.hpp"

namespace cm::check {
namespace {

using std::chrono::milliseconds;
namespace fs = std::filesystem;

constexpr std::size_t kErrorsShown = 1500;  // bytes of each
constexpr int kSlower = base::kSanitized ? 6 : 1;

// Its first lines, which say what went wrong, and its last ones.
std::string shortened(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (text.size() <= 2 * kErrorsShown) return text;
  const std::string first = text.substr(0, text.find('\n', kErrorsShown) + 1);
  text.erase(0, text.size() - kErrorsShown);
  return first + "...\n" + text.substr(text.find('\n') + 1);
}

void judge(const base::ChildEnd& end, milliseconds limit, const std::string& at, Finding& finding) {
  std::string_view answer = end.output;
  if (!answer.empty() && answer.back() == '\n') answer.remove_suffix(1);
  answer.remove_prefix(answer.rfind('\n') + 1);  // 0 when there is but one line
  const bool ended = end.signal == 0 && !end.timed_out && end.exit_code == 0;
  if (ended && answer == kOk) {
    finding.verdict = Verdict::ok;
    return;
  }
  for (const auto word : {kSkipped, kUntestable}) {
    if (!ended || !answer.starts_with(word)) continue;
    finding.verdict = Verdict::skipped;
    finding.blocks = word == kUntestable;
    finding.why = answer.substr(word.size());
    return;
  }
  finding.blocks = true;
  finding.verdict = Verdict::failed;
  finding.output = shortened(end.errors);
  if (ended && answer.starts_with(kRefused)) {
    finding.why = answer.substr(kRefused.size());
    return;
  }
  if (ended && answer.starts_with(kFailed)) {
    finding.why = answer.substr(kFailed.size());
  } else {
    finding.why = (at.empty() ? "" : at + ": ") +
                  (end.timed_out ? "it did not come back: " : "the process ended with ") + end.text(limit);
  }
  finding.why += "; " + std::string(finding.test->cure);
}

// The tests as they come, each when those that it comes after are done.
class Schedule {
 public:
  explicit Schedule(std::vector<Finding>& findings) : findings_(findings), states_(findings.size(), State::waits) {}

  // The next that can be run or skipped now; null when all are taken, or wait for others.
  Finding* take() {
    for (std::size_t i = 0; i < findings_.size(); ++i) {
      if (states_[i] != State::waits || !ready(findings_[i])) continue;
      states_[i] = State::runs;
      return &findings_[i];
    }
    return nullptr;
  }

  // Why it need not be run; empty when it is to be.
  [[nodiscard]] std::string pointless(const Finding& finding) const {
    for (const auto id : finding.test->after) {
      const Finding& before = *find(id);
      if (before.blocks) return before.verdict == Verdict::failed ? std::string(id) + " failed" : before.why;
    }
    return {};
  }

  void done(const Finding& finding) { states_[static_cast<std::size_t>(&finding - findings_.data())] = State::done; }

 private:
  enum class State : std::uint8_t { waits, runs, done };

  [[nodiscard]] const Finding* find(std::string_view id) const {
    const auto found =
        std::find_if(findings_.begin(), findings_.end(), [&](const Finding& f) { return f.test->id == id; });
    return &*found;
  }
  [[nodiscard]] bool ready(const Finding& finding) const {
    return std::all_of(finding.test->after.begin(), finding.test->after.end(), [&](std::string_view id) {
      return states_[static_cast<std::size_t>(find(id) - findings_.data())] == State::done;
    });
  }

  std::vector<Finding>& findings_;
  std::vector<State> states_;
};

base::Result<std::vector<Finding>> selected(const std::vector<std::string>& only) {
  std::set<std::string_view> wanted;
  for (const auto& id : only) {
    if (find_test(id) == nullptr) {
      std::vector<std::string_view> ids;
      for (const Test& test : all_tests()) ids.push_back(test.id);
      const std::string meant = base::did_you_mean(id, ids);
      return base::error("there is no test \"" + id + "\"" + (meant.empty() ? "; --list names them" : meant));
    }
    wanted.insert(id);
  }
  std::vector<Finding> findings;
  const auto& all = all_tests();
  for (auto test = all.rbegin(); test != all.rend(); ++test) {
    if (!only.empty() && !wanted.contains(test->id)) continue;
    wanted.insert(test->after.begin(), test->after.end());
    findings.push_back({.test = &*test, .why = {}, .output = {}});
  }
  std::reverse(findings.begin(), findings.end());
  return findings;
}

// Up to so many tests at once, each in a fork of this process: a program of its own would spend its time on starting.
class Runs {
 public:
  Runs(const Options& options, fs::path copy) : options_(options), copy_(std::move(copy)) {}

  [[nodiscard]] bool any() const { return !running_.empty(); }
  [[nodiscard]] bool full() const { return running_.size() >= options_.at_once; }

  // False: it could not be started, which is what it found.
  bool start(Finding& finding) {
    Run& run = running_.emplace_back(
        Run{&finding, std::make_unique<Steps>(), time_limit(finding), std::chrono::steady_clock::now(), {}});
    base::ChildSpec spec;
    spec.time_limit = run.time_limit;
    spec.body = [&] { examine(copy_, options_.seed, *finding.test, *run.steps); };
    auto child = base::Child::start(spec);
    if (!child) {
      finding.verdict = Verdict::failed;
      finding.blocks = true;
      finding.why = child.error().text;
      running_.pop_back();
      return false;
    }
    run.child.emplace(std::move(*child));
    return true;
  }

  // Waits for one that ends, which has found something.
  Finding& next() {
    for (;;) {
      for (auto run = running_.begin(); run != running_.end(); ++run) {
        if (!run->child->look()) continue;
        Finding& finding = *run->finding;
        finding.took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - run->started);
        judge(run->child->end(), run->time_limit, run->steps->last(), finding);
        running_.erase(run);
        return finding;
      }
      std::vector<const base::Child*> children;
      for (const auto& run : running_) children.push_back(&*run.child);
      base::Child::wait(children);
    }
  }

 private:
  struct Run {
    Finding* finding;
    std::unique_ptr<Steps> steps;
    milliseconds time_limit;
    std::chrono::steady_clock::time_point started;
    std::optional<base::Child> child;
  };

  [[nodiscard]] milliseconds time_limit(const Finding& finding) const {
    return (options_.time_limit.count() > 0 ? options_.time_limit : finding.test->time) * kSlower;
  }

  const Options& options_;
  const fs::path copy_;
  std::vector<Run> running_;
};

}  // namespace

base::Result<std::vector<Finding>> check(const Options& options) {
  auto findings = selected(options.only);
  if (!findings) return findings.error();
  auto directory = plugin::PrivateDir::make();
  if (!directory) return directory.error();
  // All tests see the same bytes, whatever is built meanwhile.
  const auto copy = plugin::LibraryCopy::make(options.file, directory->path() / "plugin", options.file.filename());
  fs::path file = copy ? (*copy)->file() : directory->path() / options.file.filename();
  if (!copy) {
    // A file that is not a whole library is one of the things that the tests tell of.
    std::error_code ec;
    const bool damaged = fs::is_regular_file(options.file, ec) && !plugin::ElfFile::open(options.file);
    if (!damaged || !fs::copy_file(options.file, file, ec)) return copy.error();
  }
  Schedule schedule(*findings);
  Runs runs(options, std::move(file));
  for (;;) {
    Finding* finding = runs.full() ? nullptr : schedule.take();
    if (finding == nullptr && !runs.any()) return findings;
    if (finding == nullptr) {
      schedule.done(runs.next());
      continue;
    }
    finding->why = schedule.pointless(*finding);
    finding->blocks = !finding->why.empty();
    if (finding->blocks || !runs.start(*finding)) schedule.done(*finding);
  }
}

}  // namespace cm::check
