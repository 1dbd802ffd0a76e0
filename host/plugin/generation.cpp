#include "plugin/generation.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/log.hpp"
#include "plugin/clock.hpp"
#include "plugin/text.hpp"

namespace cm::plugin {
namespace {

constexpr std::size_t kBuildDigits = 12;

std::string make_label(const Manifest& manifest, std::uint64_t number) {
  return " plugin=" + manifest.name + " version=" + base::log_value(manifest.version) +
         " generation=" + std::to_string(number) +
         " build=" + base::log_value(manifest.build_id.substr(0, kBuildDigits));
}

}  // namespace

Generation::Generation(std::uint64_t number, std::shared_ptr<const Manifest> manifest, std::filesystem::path file,
                       std::unique_ptr<Library> library)
    : number_(number),
      manifest_(std::move(manifest)),
      file_(std::move(file)),
      copy_(library ? library->copy() : nullptr),
      loaded_ms_(now_ms()),
      label_(make_label(*manifest_, number)),
      library_(std::move(library)),
      closed_(library_ == nullptr) {}

Generation::Generation(std::uint64_t number, std::shared_ptr<const Manifest> manifest)
    : Generation(number, std::move(manifest), {}, nullptr) {}

Generation::~Generation() = default;

base::Status Generation::init() {
  const cm_plugin& entry = library_->plugin();
  if (entry.init != nullptr) {
    cm_status status = CM_FAULT;
    std::string why;
    try {
      status = entry.init();
    } catch (const std::exception& e) {
      why = std::string(": an exception left it: ") + e.what();
    } catch (...) {
      why = ": an exception of an unknown type left it";
    }
    if (status != CM_OK) return base::error("its init returned " + status_text(status) + why + "; see its log lines");
  }
  initialised_ = true;
  return {};
}

const cm_service_kind* Generation::kind(std::string_view name) const {
  if (closed_) return nullptr;
  const cm_plugin& entry = library_->plugin();
  for (std::uint32_t i = 0; i < entry.kind_count; ++i) {
    if (entry.kinds[i]->kind == name) return entry.kinds[i];
  }
  return nullptr;
}

bool Generation::close() {
  closed_ = true;
  if (!library_) return pinned_by_.empty();
  const cm_plugin& entry = library_->plugin();
  if (std::exchange(initialised_, false) && entry.deinit != nullptr) {
    try {
      entry.deinit();
    } catch (...) {
      base::log(base::Room::plugin).error("an exception left deinit of a plugin{}", label_);
    }
  }
  const bool gone = library_->unload();
  pinned_by_ = gone ? std::string() : library_->pinned_by();
  if (!library_->loaded()) library_.reset();
  return gone;
}

void Generation::leave_loaded() {
  closed_ = true;
  if (library_) library_->leave_loaded();
  library_.reset();
}

void Generation::watch(std::shared_ptr<JobGate> jobs) {
  const std::lock_guard lock(mutex_);
  std::erase_if(job_gates_, [](const auto& gate) { return gate->inside() == 0; });
  if (jobs->inside() > 0) job_gates_.push_back(std::move(jobs));
}

std::size_t Generation::jobs() const {
  const std::lock_guard lock(mutex_);
  std::size_t n = 0;
  for (const auto& gate : job_gates_) n += gate->inside();
  return n;
}

bool Generation::wait_jobs(std::chrono::milliseconds patience) {
  const std::lock_guard lock(mutex_);
  return std::all_of(job_gates_.begin(), job_gates_.end(),
                     [&](const auto& gate) { return gate->wait_empty(patience); });
}

}  // namespace cm::plugin
