#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <boost/asio/ip/tcp.hpp>

#include "bots/address.hpp"
#include "bots/engine.hpp"
#include "net/buffer.hpp"
#include "net/frame_reader.hpp"

namespace cm::bots {

// A robot's connection to a server, from the client's side: readiness style, bounded both ways. Made by open(); over
// when it said so, or close() was called. Engine's thread only.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  class User {
   public:
    virtual void on_open() = 0;
    virtual void on_frame(std::uint16_t id, std::span<const std::byte> body) = 0;
    // Never from within a call of the connection's own.
    virtual void on_end(const std::string& why) = 0;

   protected:
    ~User() = default;
  };
  enum class Sent : std::uint8_t { yes, not_open, full };

  static std::shared_ptr<Connection> open(Engine& engine, User& user, const Address& to);
  Connection(Engine& engine, User& user);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  [[nodiscard]] Sent send(std::uint16_t id, std::span<const std::byte> body);
  // Its user is told of nothing more.
  void close(bool abort);
  void flush();

  static constexpr std::size_t kMostUnsent = 256U << 10U;

 private:
  void connect(const Address& to);
  void wait_read();
  void wait_write();
  void on_readable();
  // Tells the user in the next turn.
  void end(const std::string& why);

  Engine& engine_;
  User* user_;  // null when it is over
  boost::asio::ip::tcp::socket socket_;
  net::FrameReader reader_;
  net::Buffer out_;
  bool open_ = false;
  bool dirty_ = false;
  bool waits_to_write_ = false;
};

}  // namespace cm::bots
