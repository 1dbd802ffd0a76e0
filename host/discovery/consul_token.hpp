#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "discovery/consul.hpp"

namespace cm::discovery {

// The ACL token of requests to Consul: a fixed one, or that of a file, which is read again when it changes. A file that
// cannot be used any more leaves the last good token in force. [one thread]
class ConsulToken {
 public:
  // The config outlives it.
  explicit ConsulToken(const ConsulConfig& config);

  // Looks at the file. Returns true if there is another token now.
  bool refresh();

  [[nodiscard]] const std::string& value() const { return value_; }  // empty: none
  // Why the file cannot be used, with the remedy; empty if it can.
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  const std::string file_;
  std::string value_;
  std::string error_;
};

// The token in a file: white space around it is dropped. Refused, with the file and the remedy: one that cannot be
// read, is empty, or holds something else than a token.
base::Result<std::string> read_consul_token(const std::filesystem::path& file);

}  // namespace cm::discovery
