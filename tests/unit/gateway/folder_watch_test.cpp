#include "gateway/folder_watch.hpp"

#include <gtest/gtest.h>
#include <link.h>

#include <fstream>
#include <string_view>

#include "support/seen.hpp"
#include "support/temp_dir.hpp"

namespace cm::gateway {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// Any complete library of this process.
std::string some_library() {
  std::string path;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* found) {
        const std::string_view name(info->dlpi_name);
        if (name.find("libgcc_s") != std::string_view::npos) *static_cast<std::string*>(found) = name;
        return 0;
      },
      &path);
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class FolderWatchTest : public testing::Test {
 protected:
  FolderWatchTest() {
    EXPECT_GT(library.size(), 1000U);
    fs::create_directory(folder);
  }
  void start(FolderWatch::Timing timing = {.scan = 50ms, .settled = 20ms, .incomplete = 200ms}) {
    watch.emplace(folder,
                  FolderWatch::Callbacks{.changed = [this](const std::string& file) { seen.push("changed " + file); },
                                         .gone = [this](const std::string& file) { seen.push("gone " + file); }},
                  timing);
    watch->set_absence(absence);
    watch->start();
  }
  void write(const fs::path& path, const std::string& bytes) const { std::ofstream(path, std::ios::binary) << bytes; }
  void put(const fs::path& path) {
    library.back() = static_cast<char>(library.back() + 1);  // another build
    write(path, library);
  }
  // One more of these than before.
  void expect_told(const std::string& what, std::string_view how) {
    const auto told = seen.wait_for([&](const auto& one) { return one == what; }, count);
    EXPECT_TRUE(told) << how;
    count = seen.all().size();
  }

  cm::test::TempDir temp;
  const fs::path folder = temp / "plugins";
  std::string library = some_library();
  std::chrono::seconds absence{1000};
  cm::test::Seen<std::string> seen;
  std::size_t count = 0;
  std::optional<FolderWatch> watch;
};

TEST_F(FolderWatchTest, TellsOfAFileInWhateverWayItChanged) {
  put(folder / "a.so");
  start();
  put(folder / "a.so");
  expect_told("changed a.so", "written over");
  put(temp / "new");
  fs::rename(temp / "new", folder / "a.so");
  expect_told("changed a.so", "renamed over");
  put(temp / "new");
  fs::last_write_time(temp / "new", fs::last_write_time(folder / "a.so") - 1h);
  fs::rename(temp / "new", folder / "a.so");
  expect_told("changed a.so", "older than before");
  fs::remove(folder / "a.so");
  put(folder / "a.so");
  expect_told("changed a.so", "removed and written");
  put(temp / "r1");
  put(temp / "r2");
  fs::create_symlink(temp / "r1", temp / "link");
  fs::rename(temp / "link", folder / "a.so");
  expect_told("changed a.so", "replaced by a link");
  fs::create_symlink(temp / "r2", temp / "link");
  fs::rename(temp / "link", folder / "a.so");
  expect_told("changed a.so", "a link elsewhere");
  put(temp / "r2");
  expect_told("changed a.so", "the link's target written");
  put(folder / "b.so");
  expect_told("changed b.so", "new");
}

TEST_F(FolderWatchTest, FollowsAFolderThatIsMadeLaterReplacedOrLinked) {
  fs::remove(folder);
  start();
  fs::create_directory(folder);
  put(folder / "a.so");
  expect_told("changed a.so", "the folder was made");
  fs::remove_all(folder);
  fs::create_directory(folder);
  put(folder / "a.so");
  expect_told("changed a.so", "the folder was made again");
  put(folder / "a.so");
  expect_told("changed a.so", "in the new folder");
  fs::rename(folder, temp / "release1");
  fs::create_directory(temp / "release2");
  put(temp / "release2" / "a.so");
  fs::create_directory_symlink("release2", folder);
  expect_told("changed a.so", "the folder is a link now");
  fs::create_directory(temp / "release3");
  put(temp / "release3" / "a.so");
  fs::create_directory_symlink("release3", temp / "link");
  fs::rename(temp / "link", folder);
  expect_told("changed a.so", "the link leads elsewhere");
  for (const auto& one : seen.all()) EXPECT_EQ(one, "changed a.so");
}

TEST_F(FolderWatchTest, WaitsForAFileThatIsOpenForWriting) {
  start();
  {
    std::ofstream linker(folder / "a.so", std::ios::binary);
    linker << library << std::flush;  // it looks complete
    put(folder / "b.so");
    expect_told("changed b.so", "another file does not wait");
    std::this_thread::sleep_for(400ms);
    EXPECT_EQ(seen.all().size(), 1U);
  }
  expect_told("changed a.so", "closed");
}

TEST_F(FolderWatchTest, WaitsForTheRestOfAFileAndTellsOfOneThatStaysCutShort) {
  start({.scan = 50ms, .settled = 20ms, .incomplete = 1h});
  write(folder / "a.so", library.substr(0, library.size() / 2));
  put(folder / "b.so");
  expect_told("changed b.so", "complete");
  write(folder / "a.so", library);
  expect_told("changed a.so", "complete now");
  watch.reset();
  start();
  write(folder / "a.so", library.substr(0, library.size() / 2));
  expect_told("changed a.so", "so that it is refused with the reason");
}

TEST_F(FolderWatchTest, TellsOfAnAbsenceOnlyOnceItHasLastedAndNotOfAReturn) {
  put(folder / "a.so");
  put(folder / "b.so");
  absence = 1s;
  start();
  fs::remove(folder / "a.so");
  fs::remove(folder / "b.so");
  put(folder / "b.so");
  expect_told("changed b.so", "it came back");
  expect_told("gone a.so", "for good");
  put(folder / "a.so");
  expect_told("changed a.so", "it came back after all");
  watch->set_absence(0s);
  fs::remove(folder / "a.so");
  std::this_thread::sleep_for(1500ms);
  EXPECT_EQ(seen.all().size(), count) << "zero: never";
}

TEST_F(FolderWatchTest, PassesOverWhatIsNoLibrary) {
  start();
  for (const char* name : {".a.so.swp", ".hidden.so", "a.so~", "a.so.tmp", "a.so.bak", "a.txt", "so"})
    put(folder / name);
  fs::create_directory(folder / "folder.so");
  put(folder / "librules.so.1.2");
  expect_told("changed librules.so.1.2", "a library of a plugin's");
  EXPECT_EQ(seen.all().size(), 1U);
}

}  // namespace
}  // namespace cm::gateway
