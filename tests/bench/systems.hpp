#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/deployment.hpp"

namespace cm::bench {

// A program that the build put where this one lies.
std::filesystem::path beside_this(const char* name);

unsigned cores();

// The plain echo server.
class EchoServer {
 public:
  EchoServer();
  [[nodiscard]] const std::string& port() const { return port_; }
  [[nodiscard]] pid_t pid() const { return process_.pid(); }

 private:
  test::Process process_;
  std::string port_;
};

// This core for a process and what it starts from here on, until it is moved.
void pin(pid_t pid, unsigned core);

// haproxy in mode tcp, on one thread, before a server on this port.
class Haproxy {
 public:
  struct Tls {
    std::filesystem::path certificate;
    std::filesystem::path private_key;
  };
  explicit Haproxy(const std::string& backend_port) : Haproxy(backend_port, 2000, std::nullopt) {}
  // `tls`: it ends that, and the server gets what was in it.
  Haproxy(const std::string& backend_port, int most_clients, const std::optional<Tls>& tls);
  [[nodiscard]] const std::string& port() const { return port_; }
  [[nodiscard]] pid_t pid() const { return process_->pid(); }

 private:
  test::TempDir folder_;
  std::string port_;
  std::unique_ptr<test::Process> process_;
};

// What is compared, running: cellmesh (agent host, link, echo host, on real Consul), haproxy in front of a plain echo
// server, and that server directly. The gateway that is measured has the first core for itself; this process, what it
// starts, and everything else share the others.
class Systems {
 public:
  Systems();

  struct System {
    std::string name;
    std::vector<std::string> target;  // arguments of bench_client
  };
  enum Index : std::size_t { kCellmesh, kHaproxy, kDirect };
  [[nodiscard]] const std::vector<System>& all() const { return all_; }

 private:
  test::Deployment mesh_;
  EchoServer echo_;
  Haproxy haproxy_;
  std::vector<System> all_;  // by Index
};

}  // namespace cm::bench
