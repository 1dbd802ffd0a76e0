#pragma once

#include <cellmesh/client.hpp>
#include <cellmesh/status.hpp>

#include <chrono>
#include <string>
#include <string_view>

#include "client.pb.h"
#include "login.pb.h"

namespace login {

// Who wants to log in: whom to answer. Plain data, may be a cookie.
struct Visitor {
  cellmesh::Request asked;
  cellmesh::Client client;
};

// What the service does for its platforms. What needs time comes back to the platform that began it.
class Desk {
 public:
  // The end of an attempt, one or the other.
  virtual void let_in(const Visitor& visitor, const std::string& uid) = 0;
  virtual void refuse(const Visitor& visitor, proto::ResultCode why, const std::string& text,
                      std::chrono::milliseconds retry_after = {}) = 0;

  // Anything but Status::ok: it will not come back.
  virtual cellmesh::Status load_account(const Visitor& visitor, const proto::LoginAttempt& attempt) = 0;
  virtual cellmesh::Status create_account(const Visitor& visitor, const proto::LoginAttempt& attempt,
                                          const proto::Account& account) = 0;
  virtual cellmesh::Status hash(const Visitor& visitor, const proto::LoginAttempt& attempt,
                                const proto::HashWork& work) = 0;

  [[nodiscard]] virtual const proto::LoginSettings& terms() const = 0;

 protected:
  ~Desk() = default;
};

// A way to log in: a LoginREQ names it. One file each.
class Platform {
 public:
  Platform() = default;
  Platform(const Platform&) = delete;
  Platform& operator=(const Platform&) = delete;
  virtual ~Platform() = default;

  [[nodiscard]] virtual bool is_named(std::string_view platform) const = 0;
  [[nodiscard]] virtual bool allowed() const = 0;
  // Ends in let_in() or refuse(), now or later.
  virtual void begin(const proto::LoginREQ& req, const Visitor& visitor, const std::string& address) = 0;
};

}  // namespace login
