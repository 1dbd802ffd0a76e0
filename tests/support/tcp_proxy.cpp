#include "support/tcp_proxy.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "base/host_port.hpp"

namespace cm::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

tcp::endpoint endpoint_of(const std::string& address) {
  const auto parsed = base::HostPort::parse(address).value();
  return {asio::ip::make_address(parsed.host), parsed.port};
}

struct Pair : std::enable_shared_from_this<Pair> {
  explicit Pair(asio::io_context& context) : a(context), b(context) {}

  void end(bool reset) {
    ended = true;
    for (tcp::socket* socket : {&a, &b}) {
      error_code ec;
      if (reset) socket->set_option(asio::socket_base::linger(true, 0), ec);
      socket->close(ec);
    }
  }

  tcp::socket a;
  tcp::socket b;
  bool ended = false;
  bool held = false;
  std::function<void()> release[2];
};

}  // namespace

struct TcpProxy::Impl {
  explicit Impl(const std::string& to) : target(endpoint_of(to)) {
    address = base::HostPort{"127.0.0.1", acceptor.local_endpoint().port()}.text();
    accept();
    thread = std::thread([this] { context.run(); });
  }

  template <class Fn>
  void run(Fn fn) {
    std::promise<void> done;
    asio::post(context, [&] {
      fn();
      done.set_value();
    });
    done.get_future().wait();
  }

  void accept() {
    auto pair = std::make_shared<Pair>(context);
    acceptor.async_accept(pair->a, [this, pair](const error_code& ec) {
      if (ec) return;
      accept();
      if (refusing) return;
      ++connections;
      pair->b.async_connect(target, [this, pair](const error_code& failed) {
        if (failed || pair->ended) {
          pair->end(false);
          return;
        }
        error_code ignored;
        pair->a.set_option(tcp::no_delay(true), ignored);
        pair->b.set_option(tcp::no_delay(true), ignored);
        pump(pair, 0, std::make_shared<Buffer>());
        pump(pair, 1, std::make_shared<Buffer>());
      });
      pairs.insert(pair);
    });
  }

  using Buffer = std::array<char, 64 * 1024>;

  void pump(const std::shared_ptr<Pair>& pair, int way, const std::shared_ptr<Buffer>& buffer) {
    if (pair->held) {
      pair->release[way] = [this, pair, way, buffer] { pump(pair, way, buffer); };
      return;
    }
    tcp::socket& from = way == 0 ? pair->a : pair->b;
    const std::size_t most = std::min(chop, buffer->size());
    from.async_read_some(asio::buffer(buffer->data(), most),
                         [this, pair, way, buffer](const error_code& ec, std::size_t size) {
                           if (ec || pair->ended) {
                             pair->end(false);
                             pairs.erase(pair);
                             return;
                           }
                           forward(pair, way, buffer, size);
                         });
  }

  void forward(const std::shared_ptr<Pair>& pair, int way, const std::shared_ptr<Buffer>& buffer, std::size_t size) {
    if (pair->held) {
      pair->release[way] = [this, pair, way, buffer, size] { forward(pair, way, buffer, size); };
      return;
    }
    bool last = false;
    if (budget && size >= *budget) {
      size = static_cast<std::size_t>(*budget);
      last = true;
    } else if (budget) {
      *budget -= size;
    }
    tcp::socket& to = way == 0 ? pair->b : pair->a;
    asio::async_write(to, asio::buffer(buffer->data(), size),
                      [this, pair, way, buffer](const error_code& ec, std::size_t) {
                        if (ec || pair->ended) {
                          pair->end(false);
                          pairs.erase(pair);
                          return;
                        }
                        pump(pair, way, buffer);
                      });
    if (last) {  // what was written is on its way, unless a reset overtakes it
      budget.reset();
      end_all(budget_reset);
    }
  }

  void end_all(bool reset) {
    for (const auto& pair : std::exchange(pairs, {})) {
      for (auto& release : pair->release) release = nullptr;
      pair->end(reset);
      ++cuts;
    }
  }

  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(context);
  tcp::acceptor acceptor{context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  tcp::endpoint target;
  std::string address;
  std::set<std::shared_ptr<Pair>> pairs;
  bool refusing = false;
  std::size_t chop = ~std::size_t{0};
  std::optional<std::uint64_t> budget;
  bool budget_reset = false;
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> cuts{0};
  std::thread thread;
};

TcpProxy::TcpProxy(const std::string& target) : impl_(std::make_unique<Impl>(target)) {}

TcpProxy::~TcpProxy() {
  impl_->context.stop();
  impl_->thread.join();
  impl_->end_all(false);  // what is held keeps itself
}

const std::string& TcpProxy::address() const { return impl_->address; }

void TcpProxy::retarget(const std::string& target) {
  impl_->run([&] { impl_->target = endpoint_of(target); });
}

void TcpProxy::refuse(bool on) {
  impl_->run([&] { impl_->refusing = on; });
}

void TcpProxy::cut(bool reset) {
  impl_->run([&] { impl_->end_all(reset); });
}

void TcpProxy::cut_after(std::uint64_t bytes, bool reset) {
  impl_->run([&] {
    impl_->budget = std::max<std::uint64_t>(bytes, 1);
    impl_->budget_reset = reset;
  });
}

bool TcpProxy::cut_is_due() const {
  bool due = false;
  impl_->run([&] { due = impl_->budget.has_value(); });
  return due;
}

void TcpProxy::hold(bool on) {
  impl_->run([&] {
    for (const auto& pair : impl_->pairs) {
      pair->held = on;
      for (auto& release : pair->release) {
        if (const auto go = on ? nullptr : std::exchange(release, nullptr)) go();
      }
    }
  });
}

void TcpProxy::chop(std::size_t most) {
  impl_->run([&] { impl_->chop = most; });
}

std::uint64_t TcpProxy::connections() const { return impl_->connections; }
std::uint64_t TcpProxy::cuts() const { return impl_->cuts; }

}  // namespace cm::test
