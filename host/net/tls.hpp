#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include <boost/asio/io_context.hpp>

#include "base/result.hpp"
#include "net/fd.hpp"
#include "net/transport.hpp"

namespace cm::net {

struct TlsConfig {
  std::string certificate;         // PEM file: the server's and those that lead to its root
  std::string private_key;         // PEM file, not encrypted
  std::uint32_t min_version = 12;  // TLS 1.2, or 13
  std::string protocol;            // that clients may ask for by ALPN: `http/1.1`
  friend bool operator==(const TlsConfig&, const TlsConfig&) = default;
};

// What the connections of one listener need to speak TLS, loaded from files and again when these change. A connection
// keeps what it began with. [any thread]
class TlsServer {
 public:
  static base::Result<std::shared_ptr<TlsServer>> open(TlsConfig config);
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  // Other files, or another version. On failure what was loaded before stays, until these files are good.
  base::Status change(TlsConfig config);
  // Looks whether the files are others, and takes them once they are left alone; bad ones are refused with a warning,
  // and the old ones stay. Call it about once a second. One thread at a time.
  void refresh();

  // The transport of client frames, or of what lies over them, on a connected socket.
  [[nodiscard]] std::unique_ptr<Transport> transport(boost::asio::io_context& context, Fd socket) const;

 private:
  struct Context;  // SSL_CTX
  struct Stamp {   // of both files
    std::string text;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  TlsServer() = default;
  static base::Result<std::shared_ptr<Context>> load(const TlsConfig& config);
  static Stamp stamp(const TlsConfig& config);

  mutable std::mutex mutex_;  // guards all below
  TlsConfig config_;
  std::shared_ptr<Context> context_;
  Stamp loaded_;  // what the files were when they were loaded, or refused
  Stamp seen_;    // by the last refresh()
};

// What a client takes for the server that it meant.
struct TlsTrust {
  std::string ca;      // PEM file of certificates, instead of the system's roots: the server's is one, or leads to one
  bool verify = true;  // without: whoever answers
};

// What a client needs to speak TLS. [any thread]
class TlsClient {
 public:
  static base::Result<std::shared_ptr<TlsClient>> open(const TlsTrust& trust);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  // The transport on a socket that is connected to `name`, a name or an IP address: asked for by SNI, and the one that
  // the server's certificate must be for.
  [[nodiscard]] std::unique_ptr<Transport> transport(boost::asio::io_context& context, Fd socket,
                                                     const std::string& name) const;

 private:
  struct Context;  // SSL_CTX
  TlsClient() = default;

  std::shared_ptr<Context> context_;
};

}  // namespace cm::net
