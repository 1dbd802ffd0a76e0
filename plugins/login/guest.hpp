#pragma once

#include <string>
#include <string_view>

#include "platform.hpp"

namespace login {

// Uids of guests begin with it and no others do: a guest never has an account's.
inline constexpr std::string_view guest_prefix = "guest-";

// The uid of a guest who wants to be called so; made up when that is empty. Empty when it is no name.
std::string guest_uid(std::string_view name);

// Lets everybody in under any name, which proves nothing: for development.
class GuestPlatform final : public Platform {
 public:
  explicit GuestPlatform(Desk& desk) : desk_(desk) {}

  [[nodiscard]] bool is_named(std::string_view platform) const override {
    return platform.empty() || platform == "guest";
  }
  [[nodiscard]] bool allowed() const override { return desk_.terms().allow_guests(); }
  void begin(const proto::LoginREQ& req, const Visitor& visitor, const std::string& address) override;

 private:
  Desk& desk_;
};

}  // namespace login
