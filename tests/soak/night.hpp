#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "support/deployment.hpp"
#include "support/postgres.hpp"

namespace cm::soak {

// What may happen to a mesh in a night: its processes die and come back, its code changes.
class Night {
 public:
  // `postgres` is null where the database is a file.
  Night(test::Deployment& mesh, test::PostgresServer* postgres) : mesh_(mesh), postgres_(postgres) {}

  struct Fault {
    std::string name;
    // Does it, and waits until all runs again. What was seen of it, in words; throws when it did not take place.
    std::function<std::string()> happen;
  };
  // In their order, good for the life of this object.
  [[nodiscard]] std::vector<Fault> faults();

 private:
  std::string kill_game(const std::string& host, const std::string& service, bool until_missed);
  std::string kill_data();
  std::string reload(const std::vector<std::string>& hosts, const std::string& plugin);
  std::string restart_postgres();

  void kill(const std::string& host);
  void start(const std::string& host);
  // What the agent knows of a service: its players, or nothing.
  [[nodiscard]] std::optional<std::uint64_t> players(const std::string& service);

  test::Deployment& mesh_;
  test::PostgresServer* const postgres_;
};

}  // namespace cm::soak
