#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "check/bodies.hpp"
#include "check/random.hpp"
#include "plugin/elf_file.hpp"
#include "plugin/library.hpp"
#include "plugin/manifest.hpp"

namespace cm::check {

// The plugin under test, in the process of one test: read, loaded and initialised as far as the test asks for it, and
// never unloaded but by the test itself. What a test needs and does not find throws Failed.
class Subject {
 public:
  // `label`: its file's name, for people. `at`: told what is done next, in case that it does not come back.
  Subject(std::filesystem::path file, std::string label, std::uint64_t seed,
          std::function<void(const std::string&)> at);
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;
  ~Subject();

  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  [[nodiscard]] const std::string& label() const { return label_; }
  void at(const std::string& what) const { at_(what); }
  [[nodiscard]] Random random(std::string_view purpose) const { return {seed_, purpose}; }

  // Without running it.
  const plugin::ElfFile& elf();
  const plugin::Manifest& manifest();
  const Bodies& bodies();

  // Its code.
  const cm_plugin& entry();
  // The kinds of service that it has, once init() has returned CM_OK.
  std::vector<const cm_service_kind*> kinds();

 private:
  const std::filesystem::path file_;
  const std::string label_;
  const std::uint64_t seed_;
  const std::function<void(const std::string&)> at_;

  std::optional<plugin::ElfFile> elf_;
  std::optional<plugin::Manifest> manifest_;
  std::optional<Bodies> bodies_;
  plugin::LibraryLoader loader_;
  std::unique_ptr<plugin::Library> library_;
  bool initialised_ = false;
};

// Runs something of the plugin's that is no hook of a service. An exception that leaves it is a failure.
cm_status run_fenced(const std::string& what, const std::function<cm_status()>& work);

// "CM_BACKPRESSURE"; "77, which is no status" of another number.
std::string status_name(cm_status status);

}  // namespace cm::check
