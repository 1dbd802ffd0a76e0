#include "support/temp_dir.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>

namespace cm::test {

TempDir::TempDir() {
  std::string name = (std::filesystem::temp_directory_path() / "cmtest-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "cannot make a folder like " + name);
  }
  path_ = name;
}

TempDir::~TempDir() {
  const auto* unit = testing::UnitTest::GetInstance();
  const auto* suite = unit->current_test_suite();
  if (testing::Test::HasFailure() || (suite != nullptr && suite->Failed()) || std::getenv("CM_TEST_KEEP") != nullptr) {
    std::cerr << "kept for a look: " << path_.string() << '\n';
    return;
  }
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  const std::filesystem::path temporary = path.string() + ".new";
  std::ofstream(temporary, std::ios::binary | std::ios::trunc) << content;
  std::filesystem::rename(temporary, path);
}

std::string read_file(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace cm::test
