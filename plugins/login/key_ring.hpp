#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "login.pb.h"
#include "signing_key.hpp"

namespace login {

// The keys of a login service: one signs, one may wait to, and those that signed before stay published until what they
// signed has expired. A new key is published first and signs after a while, so that every agent knows it by then. Times
// are seconds since 1970.
class KeyRing {
 public:
  struct Terms {
    std::int64_t overlap = 0;     // between a key's publication and its first token
    std::int64_t token_life = 0;  // until a token counts nowhere any more
    std::int64_t lease = 0;       // how long a published key outlives its publisher
  };
  using Publish = std::function<void(const std::string& kid, const std::string& public_pem, std::int64_t until)>;
  using Remove = std::function<void(const std::string& kid)>;

  // This is the key to sign with from now on; the first one at once.
  void offer(const SigningKey& key, std::int64_t now, const Terms& terms);
  // What is due: a key's turn, its end, its entry in the KV. To be called about once a second, and after offer().
  void advance(std::int64_t now, const Terms& terms, const Publish& publish, const Remove& remove);
  // Only after offer().
  [[nodiscard]] const SigningKey& signer() const { return keys_[signer_].key; }
  [[nodiscard]] bool empty() const { return keys_.empty(); }
  [[nodiscard]] bool has(const std::string& kid) const;

  void save(proto::LoginState& state) const;
  void load(const proto::LoginState& state);

 private:
  struct Held {
    SigningKey key;
    std::int64_t signs_from = 0;
    std::int64_t gone_at = 0;  // 0: it has its turn before it
    std::int64_t until = 0;    // of its entry in the KV; 0: it has none
  };

  // In the order of their turns.
  std::vector<Held> keys_;
  std::size_t signer_ = 0;
  std::vector<std::string> dropped_;  // published, and to be removed
};

}  // namespace login
