#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cm::base {

// Bytes of the character at the front of the text, as RFC 3629 has it; 0 when there is none.
[[nodiscard]] std::size_t utf8_size(std::string_view text);
[[nodiscard]] bool is_utf8(std::string_view text);
// Text for a protobuf string: what is no UTF-8 becomes '?', and it is cut between characters.
[[nodiscard]] std::string as_utf8(std::string_view text, std::size_t max_bytes);

}  // namespace cm::base
