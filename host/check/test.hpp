#pragma once

#include <chrono>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace cm::check {

class Subject;

// One thing that is found out of a plugin. Static data.
struct Test {
  std::string_view id;
  std::string_view protects;            // what of a host, in one sentence
  std::string_view cure;                // what the plugin's author does when it fails
  std::vector<std::string_view> after;  // says nothing of a plugin that does not pass these
  void (*run)(Subject&) = nullptr;      // returns, or throws Failed or Skipped
  std::chrono::seconds time{10};        // until it is given up
};

// The plugin is not as it is to be: what was seen.
class Failed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The same, with a sentence that has its cure already.
class Refused : public Failed {
 public:
  using Failed::Failed;
};

// The test has nothing to find in this plugin: why.
class Skipped : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The same, and so have those that come after it.
class Untestable : public Skipped {
 public:
  using Skipped::Skipped;
};

// All, each behind those that it comes after.
const std::vector<Test>& all_tests();
// Null when there is none of this id.
const Test* find_test(std::string_view id);

// By what they look at, each in a file of its own.
std::vector<Test> file_tests();
std::vector<Test> manifest_tests();
std::vector<Test> load_tests();
std::vector<Test> life_tests();
std::vector<Test> message_tests();
std::vector<Test> handler_tests();
std::vector<Test> settings_tests();
std::vector<Test> extension_tests();
std::vector<Test> presence_tests();
std::vector<Test> crowd_tests();
std::vector<Test> status_tests();
std::vector<Test> host_tests();
std::vector<Test> first_row_tests();
std::vector<Test> state_tests();
std::vector<Test> row_tests();
std::vector<Test> load_state_tests();
std::vector<Test> leak_tests();
std::vector<Test> unload_tests();

// What a test that does everything comes after: what fails in one thing would fail in that too.
std::vector<std::string_view> after_barrages();

}  // namespace cm::check
