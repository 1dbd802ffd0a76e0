#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace cm::test {

// A real PostgreSQL on a free loopback port, its files in a folder of its own. It does not run as root, which it
// refuses. Ends with this object, or with the test program. One thread uses it.
class PostgresServer {
 public:
  enum class Disk {
    quick,   // a commit does not wait for it: fine where only processes die
    synced,  // as in earnest
  };
  // Makes it, starts it and waits until it takes connections; throws with its log when it does not.
  explicit PostgresServer(Disk disk = Disk::quick);
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // postgresql://USER:PASSWORD@127.0.0.1:PORT/NAME, good for its whole life.
  [[nodiscard]] std::string url(const std::string& database = "postgres") const;
  [[nodiscard]] static std::string password() { return "a-secret-of-tests"; }
  // One more database, empty; its URL.
  std::string make_database();
  // What psql prints of it, rows a line.
  std::string sql(const std::string& text, const std::string& database = "postgres") const;

  void stop();          // in order: who is connected is told, and what runs is rolled back
  void stop_at_once();  // an immediate shutdown: recovers at the next start, as after a crash
  void kill9();         // and those that it started
  void start();         // again, on the same port; waits until it takes connections
  void restart() {
    stop();
    start();
  }
  // It takes connections and answers nothing, until thaw().
  void freeze();
  void thaw();

 private:
  [[nodiscard]] std::vector<std::string> as_its_user(std::vector<std::string> command) const;
  void make_cluster();
  bool launch();
  [[nodiscard]] std::vector<int> processes() const;

  const Disk disk_;
  TempDir folder_;
  std::uint16_t port_ = 0;
  int databases_ = 0;
  std::unique_ptr<Process> process_;
};

}  // namespace cm::test
