#include <algorithm>
#include <array>
#include <iterator>

#include "check/test.hpp"

namespace cm::check {

const std::vector<Test>& all_tests() {
  static const std::vector<Test> all = [] {
    static constexpr std::array groups{
        file_tests,     manifest_tests, load_tests,       life_tests,  message_tests, handler_tests,
        settings_tests, presence_tests, extension_tests,  host_tests,  status_tests,  first_row_tests,
        state_tests,    row_tests,      load_state_tests, crowd_tests, leak_tests,    unload_tests};
    std::vector<Test> tests;
    for (const auto group : groups) {
      auto of_group = group();
      std::move(of_group.begin(), of_group.end(), std::back_inserter(tests));
    }
    return tests;
  }();
  return all;
}

const Test* find_test(std::string_view id) {
  const auto& all = all_tests();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Test& test) { return test.id == id; });
  return found != all.end() ? &*found : nullptr;
}

}  // namespace cm::check
