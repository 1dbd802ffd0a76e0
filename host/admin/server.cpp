#include "admin/server.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/post.hpp>

#include "admin/connection.hpp"
#include "admin/socket_dir.hpp"
#include "base/log.hpp"

namespace cm::admin {
namespace asio = boost::asio;
namespace fs = std::filesystem;
using Local = asio::local::stream_protocol;

namespace {

// The peer is a process of this user, or root's.
bool may_connect(Socket& socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == ::geteuid() || peer.uid == 0;
}

// Makes room for a socket at the path.
base::Status clear_path(const std::string& path) {
  if (auto checked = check_socket_path(path); checked.has_error()) return checked;
  const std::string dir = fs::path(path).parent_path().string();
  if (dir == fs::path(default_socket_path()).parent_path()) {
    if (auto made = make_private_dir(dir); made.has_error()) return made;
  }
  switch (probe_socket(path)) {
    case Probe::absent:
      return {};
    case Probe::dead:
      ::unlink(path.c_str());
      return {};
    case Probe::listening:
      return base::error("another host listens on " + path + "; stop it, or give this one its own --admin-socket");
    case Probe::not_a_socket:
      return base::error(path + " exists and is no socket; remove it, or choose another --admin-socket");
    case Probe::forbidden:
      break;
  }
  return base::error("cannot use " + path + " as the admin socket: permission denied; choose another --admin-socket");
}

}  // namespace

// What lives on the admin thread. Shared with the `done` functions that are still out, weakly.
class Server::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(const ServerConfig& config, const Handlers& handlers) : config_(config), handlers_(handlers), acceptor_(io_) {}

  base::Status listen() {
    if (auto cleared = clear_path(config_.path); cleared.has_error()) return cleared;
    boost::system::error_code ec;
    acceptor_.open(Local(), ec);
    // The mode of the descriptor becomes that of the socket's file: it never is open to others, not for a moment.
    if (!ec && ::fchmod(acceptor_.native_handle(), 0600) != 0) ec.assign(errno, boost::system::system_category());
    if (!ec) acceptor_.bind(Local::endpoint(config_.path), ec);
    if (!ec) acceptor_.listen(static_cast<int>(config_.max_connections), ec);
    if (ec) {
      return base::error("cannot listen on the admin socket " + config_.path + ": " + ec.message() +
                         "; choose another with --admin-socket");
    }
    struct stat info {};
    if (::stat(config_.path.c_str(), &info) == 0) inode_ = info.st_ino;
    accept();
    return {};
  }

  void run() { io_.run(); }

  void stop() {
    io_.stop();
    struct stat info {};
    if (::stat(config_.path.c_str(), &info) == 0 && info.st_ino == inode_) ::unlink(config_.path.c_str());
  }

 private:
  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& ec, Socket socket) {
      if (!ec) welcome(std::move(socket));
      // Out of descriptors: the connection waits in the backlog, and trying at once would only spin.
      if (!ec) return accept();
      retry_.expires_after(std::chrono::seconds(1));
      retry_.async_wait([this](const boost::system::error_code&) { accept(); });
    });
  }

  void welcome(Socket socket) {
    if (!may_connect(socket)) {
      base::log(base::Room::admin).warn("refused a connection of another user");
      return;
    }
    const auto connection = std::make_shared<Connection>(
        std::move(socket), config_, handlers_,
        [weak = weak_from_this()](std::function<void()> fn) {
          if (const auto core = weak.lock()) asio::post(core->io_, std::move(fn));
        },
        places_);
    // One reference is the server's own.
    if (static_cast<std::size_t>(places_.use_count()) - 1 > config_.max_connections) {
      return connection->refuse("too many connections to the admin socket (" + std::to_string(config_.max_connections) +
                                "); close one, or wait");
    }
    connection->serve();
  }

  const ServerConfig& config_;
  const Handlers& handlers_;
  const std::shared_ptr<void> places_ = std::make_shared<char>();
  asio::io_context io_{1};
  asio::basic_socket_acceptor<Local, Executor> acceptor_;
  Timer retry_{io_};
  ino_t inode_ = 0;
};

Server::Server(ServerConfig config, Handlers handlers) : config_(std::move(config)), handlers_(std::move(handlers)) {}

Server::~Server() { stop(); }

base::Status Server::start() {
  core_ = std::make_shared<Core>(config_, handlers_);
  if (auto listening = core_->listen(); listening.has_error()) {
    core_.reset();
    return listening;
  }
  thread_ = std::thread([core = core_] { core->run(); });
  base::log(base::Room::admin).info("listening path={}", base::log_value(config_.path));
  return {};
}

void Server::stop() {
  if (core_ == nullptr) return;
  core_->stop();
  thread_.join();
  core_.reset();
}

}  // namespace cm::admin
