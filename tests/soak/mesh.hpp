#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "support/consul.hpp"
#include "support/host.hpp"
#include "support/temp_dir.hpp"

namespace cm::soak {

// Three hosts on real Consul: agent and login; the soak's game; the hub and the game's peer.
class Mesh {
 public:
  Mesh();
  Mesh(const Mesh&) = delete;
  Mesh& operator=(const Mesh&) = delete;

  [[nodiscard]] std::string login_address();

  struct Reloaded {
    bool ok = false;
    std::string why;
    double pause_us = 0;
  };
  // The game's other version takes over.
  Reloaded reload_game();
  // A new generation of the same build.
  Reloaded reload_hub() { return reload(*hub_, "hub", {}); }
  Reloaded reload_agent() { return reload(*agent_, "agent", {}); }

  struct Memory {
    std::size_t resident_kib = 0;
    std::size_t libraries = 0;    // copies of the game's that are mapped
    std::size_t generations = 0;  // of the game, as the host counts them
  };
  [[nodiscard]] Memory game_memory();
  // The end of each host's log.
  [[nodiscard]] std::string logs() const;

 private:
  static Reloaded reload(test::Host& host, const std::string& plugin, const std::string& file);

  test::TempDir folder_;
  test::ConsulServer consul_;
  std::filesystem::path plugins_;
  std::unique_ptr<test::Host> agent_;
  std::unique_ptr<test::Host> game_;
  std::unique_ptr<test::Host> hub_;
  int version_ = 1;
};

}  // namespace cm::soak
