#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "bots/engine.hpp"
#include "net/address.hpp"
#include "net/buffer.hpp"
#include "net/frame_reader.hpp"
#include "net/transport.hpp"

namespace cm::bots {

// A robot's connection to a server, from the client's side, by any transport: readiness style, bounded both ways. Made
// by open(); over when it said so, or close() was called, and freed by the engine. Engine's thread only.
class Connection final : public std::enable_shared_from_this<Connection>, private net::Transport::Handler {
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

  static std::shared_ptr<Connection> open(Engine& engine, User& user, const net::Address& to);
  Connection(Engine& engine, User& user) : engine_(engine), user_(&user) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  [[nodiscard]] Sent send(std::uint16_t id, std::span<const std::byte> body);
  // Its user is told of nothing more.
  void close(bool abort);
  // Not open in time: another address of the same name is tried by whoever connects next.
  void give_up_address();
  void flush();
  // After close(): it must not be freed yet.
  [[nodiscard]] bool busy() const { return transport_ && transport_->busy(); }

  static constexpr std::size_t kMostUnsent = 256U << 10U;

 private:
  void connect(const net::Address& to);
  void connected();
  void opened(bool ok);
  // Of the transport.
  void on_readable() override;
  void on_writable() override;
  void on_released() override {}
  // Tells the user in the next turn.
  void end(const std::string& why);
  [[nodiscard]] std::string ended() const;

  Engine& engine_;
  User* user_;  // null when it is over
  const std::string* to_ = nullptr;
  const std::string* host_ = nullptr;  // of to_
  boost::asio::ip::address address_;   // of host_
  std::unique_ptr<net::Transport> transport_;
  net::FrameReader reader_;
  net::Buffer out_;
  int fd_ = -1;  // the transport's
  bool open_ = false;
  bool dirty_ = false;
  bool waits_to_write_ = false;
};

}  // namespace cm::bots
