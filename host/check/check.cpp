#include "check/check.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string_view>
#include <thread>
#include <utility>

#include "base/child_process.hpp"
#include "base/closest.hpp"
#include "check/examine.hpp"
#include "plugin/private_dir.hpp"

namespace cm::check {
namespace {

using std::chrono::milliseconds;
namespace fs = std::filesystem;

constexpr std::size_t kOutputKept = std::size_t{64} << 20U;  // a line for each step
constexpr std::size_t kErrorsShown = 2000;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kSlower = 6;
#else
constexpr int kSlower = 1;
#endif

std::string last_lines(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (text.size() <= kErrorsShown) return text;
  text.erase(0, text.size() - kErrorsShown);
  return text.substr(text.find('\n') + 1);
}

std::string_view last_line(std::string_view output, std::string_view before) {
  std::string_view found;
  while (!output.empty()) {
    const std::size_t end = std::min(output.find('\n'), output.size());
    if (output.starts_with(before)) found = output.substr(before.size(), end - before.size());
    output.remove_prefix(std::min(end + 1, output.size()));
  }
  return found;
}

void judge(const base::ChildEnd& end, milliseconds limit, Finding& finding) {
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
  finding.output = last_lines(end.errors);
  if (ended && answer.starts_with(kRefused)) {
    finding.why = answer.substr(kRefused.size());
    return;
  }
  if (ended && answer.starts_with(kFailed)) {
    finding.why = answer.substr(kFailed.size());
  } else {
    const std::string_view at = last_line(end.output, kAt);
    finding.why = (at.empty() ? "" : std::string(at) + ": ") +
                  (end.timed_out ? "it did not come back: " : "the process ended with ") + end.text(limit);
  }
  finding.why += "; " + std::string(finding.test->cure);
}

// The tests as they come, to whoever has time for one.
class Schedule {
 public:
  explicit Schedule(std::vector<Finding>& findings) : findings_(findings), states_(findings.size(), State::waits) {}

  // The next that can be run or skipped now; null when all are taken. Waits while it depends on others.
  Finding* take() {
    std::unique_lock lock(mutex_);
    for (;;) {
      bool any = false;
      for (std::size_t i = 0; i < findings_.size(); ++i) {
        if (states_[i] != State::waits) continue;
        any = true;
        if (!ready(findings_[i])) continue;
        states_[i] = State::runs;
        return &findings_[i];
      }
      if (!any) return nullptr;
      changed_.wait(lock);
    }
  }

  // Why it need not be run; empty when it is to be.
  [[nodiscard]] std::string pointless(const Finding& finding) {
    const std::lock_guard lock(mutex_);
    for (const auto id : finding.test->after) {
      const Finding& before = *find(id);
      if (before.blocks) return before.verdict == Verdict::failed ? std::string(id) + " failed" : before.why;
    }
    return {};
  }

  void done(const Finding& finding) {
    const std::lock_guard lock(mutex_);
    states_[static_cast<std::size_t>(&finding - findings_.data())] = State::done;
    changed_.notify_all();
  }

 private:
  enum class State : std::uint8_t { waits, runs, done };

  const Finding* find(std::string_view id) const {
    const auto found =
        std::find_if(findings_.begin(), findings_.end(), [&](const Finding& f) { return f.test->id == id; });
    return &*found;
  }
  bool ready(const Finding& finding) const {
    return std::all_of(finding.test->after.begin(), finding.test->after.end(), [&](std::string_view id) {
      return states_[static_cast<std::size_t>(find(id) - findings_.data())] == State::done;
    });
  }

  std::vector<Finding>& findings_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<State> states_;  // guarded by mutex_, as a finding is once it is done
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

void run(const Options& options, const fs::path& copy, Finding& finding) {
  base::ChildSpec spec;
  spec.argv = {options.program.string(), "examine", copy.string(), std::to_string(options.seed),
               std::string(finding.test->id)};
  spec.time_limit = (options.time_limit.count() > 0 ? options.time_limit : finding.test->time) * kSlower;
  spec.output_limit = kOutputKept;
  const auto start = std::chrono::steady_clock::now();
  const auto end = base::run_child(spec);
  finding.took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
  if (end) return judge(*end, spec.time_limit, finding);
  finding.verdict = Verdict::failed;
  finding.blocks = true;
  finding.why = end.error().text;
}

}  // namespace

base::Result<std::vector<Finding>> check(const Options& options) {
  auto findings = selected(options.only);
  if (!findings) return findings.error();
  auto directory = plugin::PrivateDir::make();
  if (!directory) return directory.error();
  // All tests see the same bytes, whatever is built meanwhile.
  const fs::path copy = directory->path() / options.file.filename();
  std::error_code ec;
  if (!fs::is_regular_file(options.file, ec)) {
    return base::error("there is no plugin file " + options.file.string() + "; give the path of a plugin's .so");
  }
  if (!fs::copy_file(options.file, copy, ec)) {
    return base::error("cannot copy " + options.file.string() + " to " + directory->path().string() + ": " +
                       ec.message() + "; check its permissions and the space there");
  }
  Schedule schedule(*findings);
  const auto work = [&] {
    while (Finding* finding = schedule.take()) {
      finding->why = schedule.pointless(*finding);
      finding->blocks = !finding->why.empty();
      if (!finding->blocks) run(options, copy, *finding);
      schedule.done(*finding);
    }
  };
  std::vector<std::jthread> others;
  for (unsigned i = 1; i < options.at_once; ++i) others.emplace_back(work);
  work();
  others.clear();
  return findings;
}

}  // namespace cm::check
