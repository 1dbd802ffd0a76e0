#include "mesh/greeter.hpp"

#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/address.hpp>

#include "base/host_port.hpp"
#include "base/log.hpp"
#include "mesh/link.hpp"

namespace cm::mesh {

using base::log_value;
using base::Room;

base::Result<std::string> Greeter::open() {
  const Config& config = table_->config();
  boost::system::error_code ec;
  const auto address = boost::asio::ip::make_address(config.listen_address, ec);
  if (!ec && address.is_unspecified()) {
    return base::error("cannot take links on " + config.listen_address +
                       ": it is no address that other hosts can dial; use one of this machine's");
  }
  auto opened = net::Listener::open(worker_, config.listen_address, config.listen_port);
  if (!opened) return opened.error();
  listener_ = std::move(*opened);
  return base::HostPort{config.listen_address, listener_->port()}.text();
}

void Greeter::accept() {
  listener_->accept([weak = weak_from_this()](net::Fd socket) {
    if (const auto self = weak.lock()) self->on_connection(std::move(socket));
  });
}

void Greeter::tick() { listener_->tick(); }

void Greeter::close() { listener_->close(); }

void Greeter::on_connection(net::Fd socket) {
  if (handshakes_ >= table_->config().max_handshakes) {
    complain("", "too many connections that have not said who they are");
    return;
  }
  ++handshakes_;
  auto opening = std::make_shared<Opening>(worker_.context(), std::move(socket));
  opening->limit(table_->config().handshake_limit);
  auto task = greet(shared_from_this(), std::move(opening));
  boost::asio::co_spawn(worker_.context().get_executor(), std::move(task),
                        [self = shared_from_this()](const std::exception_ptr& e) {
                          --self->handshakes_;
                          if (e) std::rethrow_exception(e);
                        });
}

Task<void> Greeter::greet([[maybe_unused]] std::shared_ptr<Greeter> self, std::shared_ptr<Opening> opening) {
  const std::string peer = opening->peer();
  const base::Result<OpeningFrame> frame = co_await opening->read();
  if (!frame) {
    complain(peer, frame.error().text);
    co_return;
  }
  std::string answer;
  pb::Hello hello;
  if (frame->type == FrameType::who) {
    pb::Identity identity;
    identity.set_mesh(table_->config().mesh);
    identity.set_host(table_->config().name);
    identity.set_boot(table_->config().boot);
    answer = opening_frame(FrameType::identity, identity);
  } else if (frame->type == FrameType::hello && (frame->major != kMajor || hello.ParseFromString(frame->body))) {
    auto objection = table_->judge(*frame, hello);
    const auto link = objection ? nullptr : table_->link_to(hello.host());
    if (link) {
      link->accept(opening->take_fd(), std::move(hello));
      co_return;
    }
    if (!objection) {
      objection = refusal(pb::Refusal::BUSY, "host " + table_->config().name + " has too many links, or is going down");
    }
    complain(peer, "refused host " + log_value(hello.host()) + ": " + objection->text());
    answer = opening_frame(FrameType::refuse, *objection);
  } else {
    complain(peer, "handshake: what came is no hello");
    co_return;
  }
  (void)co_await opening->write(std::move(answer));
  opening->abandon();
}

void Greeter::complain(const std::string& peer, const std::string& why) {
  base::log(Room::mesh).warn("connection not taken address={} reason={}", log_value(peer), log_value(why));
}

}  // namespace cm::mesh
