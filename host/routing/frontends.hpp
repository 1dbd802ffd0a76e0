#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "routing/ids.hpp"

namespace cm::routing {

// Equal to cm_frontend_options of the plugin ABI, with its zeros replaced by their meaning.
struct FrontendOptions {
  bool routes = false;
  std::string address = "0.0.0.0";
  std::string public_host;
  std::uint16_t port = 0;
  std::uint32_t max_clients = 100'000;
  std::uint32_t max_body = 65'533;
  std::uint32_t outbox_limit = 1U << 20U;
  std::uint32_t idle_timeout_ms = 0;
  std::uint32_t admit_timeout_ms = 0;
  std::uint32_t max_refused = 8;
};

// The frontends of this host, as the plugin room sees them (the session room implements them). All else that a service
// does with clients goes there as envelopes. [any thread]
class Frontends {
 public:
  Frontends() = default;
  Frontends(const Frontends&) = delete;
  Frontends& operator=(const Frontends&) = delete;
  virtual ~Frontends() = default;

  struct Opened {
    std::uint16_t port = 0;
    std::string public_address;
  };
  // Listens, does not accept yet. The Registry's entry of `owner` gets its `clients`, `public_address` and `gateway` by
  // the caller.
  virtual base::Result<Opened> open(ServiceRef owner, const FrontendOptions& options) = 0;
  // The destination for envelopes to the clients of `owner`; null when it has no frontend.
  virtual std::shared_ptr<class Destination> clients(ServiceRef owner) = 0;
  virtual void accept(ServiceRef owner) = 0;
  virtual base::Status update(ServiceRef owner, const FrontendOptions& options) = 0;
  virtual void intercept(ServiceRef owner, std::uint16_t msg_id) = 0;
  // Stops accepting; clients stay.
  virtual void stop_accepting(ServiceRef owner) = 0;
  // Closes the clients with a notice (bounded time), tells services of their end, and forgets the frontend. Returns
  // when that is done.
  virtual void close(ServiceRef owner) = 0;

  struct Counts {
    std::uint64_t clients = 0;
    std::uint64_t admitted = 0;
  };
  [[nodiscard]] virtual Counts counts(ServiceRef owner) const = 0;
};

}  // namespace cm::routing
