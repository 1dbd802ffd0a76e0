#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace cm::discovery {

struct HttpClientConfig {
  std::string ca_file;         // PEM; empty: the system's
  std::string cert_file;       // PEM, of this client; empty: none
  std::string key_file;        // PEM, of cert_file
  std::string source_address;  // IP address to connect from, where the system has it; empty: any
  std::chrono::milliseconds connect_timeout{3000};
  std::size_t max_answer = 32U << 20U;  // bytes of a body; a longer one is cut off
  std::size_t max_under_way = 1;        // requests at a time, without long polls; the rest waits
};

// Stands in the error of a request whose new connection was closed before anything came back.
inline constexpr std::string_view kClosedAtOnce = "the server closed the new connection at once";

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::chrono::milliseconds timeout{5000};  // from its sending to the answer's last byte
  bool long_poll = false;                   // is sent at once, whatever else is under way
  bool urgent = false;                      // goes before those that wait
  bool more_follow = false;                 // the caller sends another one when this is done: keeps the connection
};

struct HttpAnswer {
  int status = 0;
  std::string body;
  bool too_long = false;                                     // the body passed max_answer and is not there
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case; the first 64

  [[nodiscard]] std::string_view header(std::string_view lower_case_name) const;
};

// HTTP requests on the one thread that calls poll(). Knows nothing of what is asked; only its .cpp knows libcurl.
// Proxies of the environment are not used: what it talks to is near. Holds one connection for each long poll, and one
// more while other requests are under way; over HTTP/2 a single one. [its owner's thread]
class HttpClient {
 public:
  using Id = std::uint64_t;
  // The answer, whatever its status; an error when there is none, with the cause.
  using Done = std::function<void(base::Result<HttpAnswer>)>;

  explicit HttpClient(HttpClientConfig config);
  ~HttpClient();  // forgets what is under way
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // `done` is called from poll(), never from here.
  Id send(HttpRequest request, Done done);
  // Its `done` is not called any more. One that is over already is no error.
  void cancel(Id id);
  // Waits until something happens, wakeup() is called or `wait` has passed; calls what is done.
  void poll(std::chrono::milliseconds wait);
  void wakeup();  // [any thread]

  // `http://host:port` without a slash at the end; "host:port" is taken as http. Refused with the reason else.
  static base::Result<std::string> normalize_url(std::string_view url);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cm::discovery
