#include "net/http_answer.hpp"

namespace cm::net {
namespace {

std::string_view reason(unsigned status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 426:
      return "Upgrade Required";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Error";
  }
}

// A page may run what is written in it and open WebSockets, wherever the agent is; nothing else.
constexpr std::string_view kPageFields =
    "Cache-Control: no-store\r\n"
    "Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; connect-src ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "X-Frame-Options: DENY\r\n";

std::string answer(bool head, unsigned status, std::string_view type, std::string_view body, std::string_view fields) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " ";
  text.append(reason(status)).append("\r\nServer: cellmesh\r\nConnection: close\r\nContent-Type: ").append(type);
  text.append("\r\nContent-Length: ").append(std::to_string(body.size()));
  text.append("\r\nX-Content-Type-Options: nosniff\r\n").append(fields).append("\r\n");
  if (!head) text.append(body);
  return text;
}

constexpr std::string_view kText = "text/plain; charset=utf-8";

}  // namespace

std::string http_answer(bool head, unsigned status, std::string_view text, std::string_view fields) {
  return answer(head, status, kText, std::string(text) + "\n", fields);
}

std::string http_page(bool head, const Page& page) { return answer(head, 200, page.type, page.body, kPageFields); }

std::string http_health(bool head, std::string_view wrong) {
  constexpr std::string_view kFields = "Cache-Control: no-store\r\n";
  return wrong.empty() ? answer(head, 200, kText, "ok", kFields) : answer(head, 503, kText, wrong, kFields);
}

}  // namespace cm::net
