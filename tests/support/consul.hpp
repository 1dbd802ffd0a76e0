#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace cm::test {

// A real Consul on free loopback ports, its files in a folder of its own. Ends with this object. One thread uses it.
class ConsulServer {
 public:
  enum class Data { forgets, keeps };  // at a restart

  // Starts it and waits until it has a leader; throws with its log when it has none in time.
  explicit ConsulServer(Data data = Data::forgets);
  ~ConsulServer();

  [[nodiscard]] std::string url() const;
  [[nodiscard]] Process& process() { return *process_; }

  void kill9();
  void start();  // again, on the same ports; waits for the leader
  // It takes connections and answers nothing, until thaw().
  void freeze();
  void thaw();

  // What a person would do with curl. Throws when Consul cannot be reached or refuses.
  void kv_put(const std::string& key, const std::string& value);
  [[nodiscard]] std::optional<std::string> kv_get(const std::string& key) const;
  void kv_delete(const std::string& key_or_prefix, bool recurse = false);
  // The body of a GET, "/v1/catalog/services" for one.
  [[nodiscard]] std::string get(const std::string& path) const;

  struct Reply {
    int status = 0;
    std::string body;
  };
  [[nodiscard]] Reply request(const std::string& method, const std::string& path, const std::string& body = {}) const;

 private:
  enum Port : std::size_t { kHttp, kServer, kSerf, kPorts };

  void choose_ports();
  void write_config() const;
  void launch();
  [[nodiscard]] bool await_leader();

  const Data data_;
  TempDir folder_;
  std::array<std::uint16_t, kPorts> ports_{};
  std::unique_ptr<Process> process_;
};

// A loopback port below those that the kernel gives to clients, so that a server may take it again after a restart.
std::uint16_t free_port();

}  // namespace cm::test
