#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
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
  struct Options {
    Data data = Data::forgets;
    bool acl = false;       // default deny; token() may do everything
    std::string more = {};  // further configuration, JSON
    // Folder of cert.pem and key.pem: then it is reached by https alone, and asks clients for a certificate that is
    // signed by one of ca.pem there. Requests of this object are not possible then.
    std::filesystem::path tls = {};
  };

  // Starts it and waits until it has a leader; throws with its log when it has none in time.
  explicit ConsulServer(Options options);
  explicit ConsulServer(Data data = Data::forgets) : ConsulServer(Options{.data = data}) {}
  ~ConsulServer();

  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::uint16_t port() const { return ports_[kHttp]; }
  // The token that may do everything.
  static constexpr const char* kMaster = "11111111-2222-3333-4444-555555555555";
  struct Token {
    std::string secret;
    std::string accessor;
  };
  // Makes a token with these rules, or with none.
  [[nodiscard]] Token make_token(const std::string& name, const std::string& rules);
  // Changes the rules of the tokens of this name.
  void change_rules(const std::string& name, const std::string& rules);
  void delete_token(const Token& token);
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
  // The same by another token than the master's.
  [[nodiscard]] Reply request_as(const std::string& token, const std::string& method, const std::string& path,
                                 const std::string& body = {}) const;

 private:
  enum Port : std::size_t { kHttp, kServer, kSerf, kPorts };

  void choose_ports();
  void write_config() const;
  void launch();
  [[nodiscard]] bool await_leader();

  [[nodiscard]] std::string field_of(const Reply& reply, const std::string& name) const;

  const Options options_;
  TempDir folder_;
  std::array<std::uint16_t, kPorts> ports_{};
  std::map<std::string, std::string> policies_;  // ids by name
  std::unique_ptr<Process> process_;
};

// A loopback port below those that the kernel gives to clients, so that a server may take it again after a restart.
std::uint16_t free_port();

}  // namespace cm::test
