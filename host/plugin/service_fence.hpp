#pragma once

#include <exception>
#include <string>
#include <utility>

#include "plugin/service.hpp"

namespace cm::plugin {

// Runs a hook of the plugin. What goes wrong inside, told by it or thrown through it, is that service's fault and ends
// here.
template <class Hook>
cm_status Service::fenced(const Handling& handling, Hook&& hook) {
  fault_reported_ = false;
  cm_status status = CM_FAULT;
  try {
    status = std::forward<Hook>(hook)();
  } catch (const std::exception& e) {
    report_fault(std::string("an exception left the hook: ") + e.what());
  } catch (...) {
    report_fault("an exception of an unknown type left the hook");
  }
  if (status == CM_FAULT && !fault_reported_) report_fault("it did not say why");
  if (!fault_reported_) return status;
  count_fault(handling, fault_text_);
  return CM_FAULT;
}

// What the plugin implements of an extension; null when it does not know it.
template <class Extension>
const Extension* Service::plugin_extension(Instance& instance, const char* id) {
  const void* found = nullptr;
  const cm_status status = fenced({.hook = "get_extension", .handler = id, .instance = &instance}, [&] {
    found = instance.kind->get_extension(instance.self, id);
    return CM_OK;
  });
  const auto* extension = static_cast<const Extension*>(found);
  if (status != CM_OK || extension == nullptr) return nullptr;
  if (extension->struct_size >= sizeof(Extension)) return extension;
  log(spdlog::level::warn, std::string("its extension ") + id + " is shorter than version 1.0 of it and is not used",
      *instance.generation);
  return nullptr;
}

}  // namespace cm::plugin
