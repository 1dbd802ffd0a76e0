#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "mesh/out_stream.hpp"

namespace cm::mesh {

using Executor = boost::asio::io_context::executor_type;
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;

// One TCP connection of a link, past its handshake: waits, reads, gathered writes. Owned by the link and by the waits
// that are pending; on the link's io worker.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  class Owner {
   public:
    // Where the next read goes.
    virtual std::span<std::byte> read_space() = 0;
    // That many bytes came. False: read no more until resume_reading(). It may have called close().
    virtual bool on_bytes(std::size_t bytes) = 0;
    // The socket takes more.
    virtual void on_writable() = 0;
    // The connection broke; it is closed.
    virtual void on_broken(const std::string& why) = 0;

   protected:
    ~Owner() = default;
  };

  Connection(Owner& owner, Socket socket);

  void start() { wait_read(); }
  void resume_reading();
  // Sends what waits in the stream with one call. That the connection broke is told later: by the next read, so that
  // what the peer said last is heard first.
  void send(OutStream& stream);
  // The owner hears nothing any more.
  void close();

  [[nodiscard]] bool reading() const { return reading_; }
  [[nodiscard]] std::uint64_t bytes_in() const { return bytes_in_; }
  [[nodiscard]] std::uint64_t bytes_out() const { return bytes_out_; }

 private:
  void wait_read();
  void wait_write();
  void on_readable();
  void broken_later(int error);

  Owner* owner_;  // null: closed
  Socket socket_;
  bool waits_read_ = false;
  bool waits_write_ = false;
  bool reading_ = true;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
};

}  // namespace cm::mesh
