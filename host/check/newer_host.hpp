#pragma once

#include <cellmesh/abi/plugin.h>

namespace cm::check {

// A kind of service in a host of a later minor, whose structs have grown at their end: the plugin's code, with all that
// it is given made longer. One at a time in a process.
class NewerHost {
 public:
  explicit NewerHost(const cm_service_kind& real);
  NewerHost(const NewerHost&) = delete;
  NewerHost& operator=(const NewerHost&) = delete;
  ~NewerHost();

  [[nodiscard]] const cm_service_kind& kind() const { return kind_; }

 private:
  cm_service_kind kind_;
};

}  // namespace cm::check
