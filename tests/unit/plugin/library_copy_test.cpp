// Private copies of plugins, and libraries that plugins bring along.
#include "plugin/library_copy.hpp"

#include <signal.h>
#include <sys/resource.h>

#include "manager_fixture.hpp"
#include "mapped_count.hpp"
#include "support/temp_dir.hpp"

namespace cm::plugin::test {
namespace {

class OwnLibraryTest : public ManagerTest {
 protected:
  static void put(const fs::path& from, const fs::path& to) {
    fs::copy_file(from, to.string() + ".new", fs::copy_options::overwrite_existing);
    fs::rename(to.string() + ".new", to);
  }
  static fs::path rules(int value) { return kPlugins / ("rules_" + std::to_string(value)) / "libunit_rules.so"; }
  // A folder with the plugin and its library.
  fs::path folder(const std::string& name, int value) {
    fs::create_directory(temp / name);
    put(kPlugins / "unit_leaver_with_rules.so", temp / name / "unit_leaver.so");
    put(rules(value), temp / name / "libunit_rules.so");
    return temp / name;
  }
  void load_file(const fs::path& file) {
    const auto status = manager->load(file.string());
    ASSERT_TRUE(status) << status.error().text;
  }
  std::string value() { return ask("leaver#0@test", 2, ""); }

  cm::test::TempDir temp;
};

TEST_F(OwnLibraryTest, BesideThePluginIsFound) {
  const int before = mapped_count("unit_leaver.so");
  load_file(folder("a", 100) / "unit_leaver.so");
  EXPECT_EQ(value(), "100");
  ASSERT_TRUE(manager->unload("unit_leaver"));
  EXPECT_EQ(mapped_count("unit_leaver.so"), before);
}

TEST_F(OwnLibraryTest, ThatChangedComesWithTheNextGenerationAndGoesWithARollback) {
  const auto a = folder("a", 100);
  load_file(a / "unit_leaver.so");
  EXPECT_FALSE(manager->is_outdated("unit_leaver", a / "unit_leaver.so"));
  put(rules(200), a / "libunit_rules.so");
  EXPECT_TRUE(manager->is_outdated("unit_leaver", a / "unit_leaver.so"));
  EXPECT_EQ(manager->made_of(a / "libunit_rules.so"), std::vector<std::string>{"unit_leaver"});
  ASSERT_TRUE(manager->reload("unit_leaver").status);
  EXPECT_EQ(value(), "200");
  const auto back = manager->rollback("unit_leaver");
  ASSERT_TRUE(back.status) << back.status.error().text;
  EXPECT_EQ(value(), "100");
  ASSERT_TRUE(manager->reload("unit_leaver").status) << "from the file, not from the copy";
  EXPECT_EQ(value(), "200");
}

TEST_F(OwnLibraryTest, WhereTheRunPathOrALinkLeadsIsFound) {
  const auto a = folder("a", 100);
  fs::create_directory(temp / "lib");
  put(rules(200), temp / "lib" / "libunit_rules.so");
  load_file(a / "unit_leaver.so");
  EXPECT_EQ(value(), "200") << "$ORIGIN/../lib comes first";
  ASSERT_TRUE(manager->unload("unit_leaver"));
  fs::remove_all(temp / "lib");
  fs::create_directories(temp / "plugins" / "b");
  fs::create_symlink(a / "unit_leaver.so", temp / "plugins" / "b" / "unit_leaver.so");
  load_file(temp / "plugins" / "b" / "unit_leaver.so");
  EXPECT_EQ(value(), "100");
}

TEST_F(OwnLibraryTest, ThatIsMissingIsNamed) {
  const auto a = folder("a", 100);
  fs::remove(a / "libunit_rules.so");
  const auto status = manager->load((a / "unit_leaver.so").string());
  ASSERT_FALSE(status);
  expect(status.error().text, "libunit_rules.so");
}

TEST_F(OwnLibraryTest, FromAnAbsolutePathThatChangedIsRefused) {
  const fs::path shared = kPlugins / "rules_shared";
  fs::create_directories(shared);
  put(rules(100), shared / "libunit_rules.so");
  put(kPlugins / "unit_leaver_with_shared_rules.so", temp / "unit_leaver.so");
  load_file(temp / "unit_leaver.so");
  EXPECT_EQ(value(), "100");
  ASSERT_TRUE(manager->reload("unit_leaver").status) << "nothing changed";
  put(rules(200), shared / "libunit_rules.so");
  const auto report = manager->reload("unit_leaver");
  ASSERT_FALSE(report.status);
  expect(report.status.error().text, "it needs libunit_rules.so, of which this process has loaded another build from ");
  EXPECT_EQ(value(), "100");
  put(rules(100), shared / "libunit_rules.so");
  EXPECT_TRUE(manager->reload("unit_leaver").status) << "it is the same again";
}

TEST_F(OwnLibraryTest, AndThePluginComeBackAfterACleanerRemovedAllCopies) {
  // A process has one folder for them, which is the youngest.
  const auto copies = [] {
    fs::path youngest;
    for (const auto& entry : fs::directory_iterator(fs::temp_directory_path())) {
      const auto name = entry.path().filename().string();
      if (!name.starts_with("cellmesh-" + std::to_string(::getpid()) + "-")) continue;
      if (youngest.empty() || fs::last_write_time(entry) > fs::last_write_time(youngest)) youngest = entry.path();
    }
    return youngest;
  };
  const auto a = folder("a", 100);
  load_file(a / "unit_leaver.so");
  put(rules(200), a / "libunit_rules.so");
  const fs::path folder = copies();
  fs::remove_all(folder);
  ASSERT_TRUE(manager->reload("unit_leaver").status);
  EXPECT_EQ(value(), "200");
  fs::remove_all(folder);
  const auto back = manager->rollback("unit_leaver");
  ASSERT_TRUE(back.status) << back.status.error().text;
  EXPECT_EQ(value(), "100");
  const auto files = [&] { return std::distance(fs::recursive_directory_iterator(folder), {}); };
  const auto before = files();
  fs::remove_all(folder);
  manager->sweep();
  EXPECT_EQ(files(), before) << "debuggers need them";
}

TEST_F(OwnLibraryTest, ThatDoNotFitLeaveTheOldGenerationServing) {
  const auto a = folder("a", 100);
  load_file(a / "unit_leaver.so");
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{4096, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const auto report = manager->reload("unit_leaver");
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  ASSERT_FALSE(report.status);
  expect(report.status.error().text, "make space there, or set TMPDIR");
  EXPECT_EQ(value(), "100");
  EXPECT_TRUE(manager->reload("unit_leaver").status);
}

}  // namespace
}  // namespace cm::plugin::test
