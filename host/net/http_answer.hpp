#pragma once

#include <string>
#include <string_view>

namespace cm::net {

// What a WebSocket listener shows to who asks with a plain GET of `/`.
struct Page {
  std::string type;  // `text/html; charset=utf-8`
  std::string body;
};

// Returns a whole HTTP/1.1 answer, after which the connection ends. `head`: without its body, as HEAD wants it.
// `fields` are whole lines, each ended by CR LF.
[[nodiscard]] std::string http_answer(bool head, unsigned status, std::string_view text, std::string_view fields = {});
// Returns the same with a page.
[[nodiscard]] std::string http_page(bool head, const Page& page);
// Returns the answer to a health check: 200 and `ok`, or 503 and what is wrong.
[[nodiscard]] std::string http_health(bool head, std::string_view wrong);

}  // namespace cm::net
