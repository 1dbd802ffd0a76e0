#pragma once

#include <string>
#include <string_view>

namespace cm::net {

// What a WebSocket listener shows to who asks with a plain GET of `/`.
struct Page {
  std::string type;  // `text/html; charset=utf-8`
  std::string body;
};

// A whole HTTP/1.1 answer after which the connection ends. `fields` are whole lines, each ended by CR LF.
[[nodiscard]] std::string http_answer(unsigned status, std::string_view text, std::string_view fields = {});
// The same with a page, or with its fields alone.
[[nodiscard]] std::string http_page(const Page& page, bool fields_only);

}  // namespace cm::net
