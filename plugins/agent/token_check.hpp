#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "client.pb.h"

namespace agent {

// What a token says, once it is believed.
struct Claims {
  std::string uid = {};
  std::string game = {};  // service id
  std::string id = {};
  std::int64_t expires = 0;  // seconds since 1970
};

// Whether a token is to be believed: signed with ES256 by a key that was published, made for this agent, and valid now.
// What it says of itself counts for nothing before that.
class TokenCheck {
 public:
  // What it must be.
  struct Terms {
    std::string_view audience;
    std::int64_t now = 0;   // seconds since 1970
    std::int64_t skew = 0;  // that clocks may differ by
  };
  struct Found {
    proto::ResultCode result = proto::NoError;
    std::string text = {};  // for people: why not
    Claims claims = {};     // when it is NoError
  };

  // A public key for ES256, in PEM.
  void set_key(std::string_view kid, std::string pem) { keys_.insert_or_assign(std::string(kid), std::move(pem)); }
  void remove_key(std::string_view kid) { keys_.erase(std::string(kid)); }
  [[nodiscard]] std::size_t keys() const { return keys_.size(); }

  [[nodiscard]] Found check(const std::string& token, const Terms& terms) const;

 private:
  std::map<std::string, std::string> keys_;
};

}  // namespace agent
