#include "check/subject.hpp"

#include <array>
#include <exception>
#include <utility>

#include "check/test.hpp"

namespace cm::check {

Subject::Subject(std::filesystem::path file, std::string label, std::uint64_t seed,
                 std::function<void(const std::string&)> at)
    : file_(std::move(file)), label_(std::move(label)), seed_(seed), at_(std::move(at)) {}

// The process ends next, and the code may still be in use.
Subject::~Subject() {
  if (library_) library_->leave_loaded();
}

const plugin::ElfFile& Subject::elf() {
  if (elf_) return *elf_;
  at("reading the file");
  auto opened = plugin::ElfFile::open(file_);
  if (!opened) throw Refused(opened.error().text);
  return elf_.emplace(std::move(*opened));
}

const plugin::Manifest& Subject::manifest() {
  if (manifest_) return *manifest_;
  at("reading the manifest");
  auto read = plugin::read_manifest(file_);
  if (!read) throw Refused(read.error().text);
  return manifest_.emplace(std::move(*read));
}

const Bodies& Subject::bodies() {
  if (!bodies_) bodies_.emplace(manifest());
  return *bodies_;
}

const cm_plugin& Subject::entry() {
  if (library_) return library_->plugin();
  at("loading the library");
  auto opened = loader_.open_in_place(file_, label_);
  if (!opened) throw Refused(opened.error().text);
  library_ = std::make_unique<plugin::Library>(std::move(*opened));
  return library_->plugin();
}

std::vector<const cm_service_kind*> Subject::kinds() {
  const cm_plugin& plugin = entry();
  if (!std::exchange(initialised_, true) && plugin.init != nullptr) {
    at("init");
    const cm_status status = run_fenced("init", plugin.init);
    if (status != CM_OK) throw Failed("init returned " + status_name(status));
  }
  return {plugin.kinds, plugin.kinds + plugin.kind_count};
}

cm_status run_fenced(const std::string& what, const std::function<cm_status()>& work) {
  try {
    return work();
  } catch (const std::exception& e) {
    throw Failed("an exception left " + what + ": " + e.what());
  } catch (...) {
    throw Failed("an exception of an unknown type left " + what);
  }
}

std::string status_name(cm_status status) {
  static constexpr std::array names{"CM_OK",      "CM_BACKPRESSURE", "CM_UNAVAILABLE", "CM_TIMEOUT",
                                    "CM_INVALID", "CM_TOO_LARGE",    "CM_NOT_FOUND",   "CM_WRONG_THREAD",
                                    "CM_FAULT",   "CM_BAD_MESSAGE",  "CM_UNHANDLED",   "CM_REFUSED",
                                    "CM_STOPPING"};
  if (status >= 0 && static_cast<std::size_t>(status) < names.size()) return names[static_cast<std::size_t>(status)];
  return std::to_string(status) + ", which is no status";
}

}  // namespace cm::check
