#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace cm::test {

// What `cellmesh host --ready-file` wrote.
struct ReadyFile {
  struct Frontend {
    std::string service;
    std::string transport;
    std::string address;
    std::string url;
  };
  std::string host;
  int pid = 0;
  std::vector<Frontend> frontends;

  // Nothing while there is no such file; throws when there is one that is not whole.
  static std::optional<ReadyFile> read(const std::filesystem::path& path);
  // The address of a kind's TCP listener, empty when it has none.
  [[nodiscard]] std::string address_of(const std::string& kind) const;
  // The URL of a kind's listener of this transport (`tcp`, `tls`, `ws`, `wss`), empty when it has none.
  [[nodiscard]] std::string url_of(const std::string& kind, const std::string& transport) const;
};

}  // namespace cm::test
