#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "cellmesh/abi/types.h"

namespace cm::plugin {

// Text for one log line: control characters become spaces, and it is cut.
[[nodiscard]] std::string one_line(std::string_view text, std::size_t max_bytes);
// "CM_TIMEOUT (no answer in time)".
[[nodiscard]] std::string status_text(cm_status status);

}  // namespace cm::plugin
