#include "session/entrance.hpp"

#include <algorithm>
#include <utility>

#include "session/session_table.hpp"

namespace cm::session {
namespace {
constexpr std::int64_t kTickMs = 100;
}  // namespace

class Entrance::Guest final : public net::Transport::Handler {
 public:
  Guest(Entrance& entrance, std::shared_ptr<Frontend> its_frontend, Port& port,
        std::unique_ptr<net::Transport> transport, std::uint32_t its_deadline)
      : frontend(std::move(its_frontend)),
        deadline(its_deadline),
        entrance_(entrance),
        port_(port),
        transport_(std::move(transport)) {
    frontend->entered();
    transport_->attach(*this);
  }
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;
  ~Guest() {
    port_.handshakes.fetch_sub(1, std::memory_order_relaxed);
    frontend->left();
  }

  void start() {
    transport_->handshake([this](bool ok) {
      if (closed_) return;
      if (!ok) return close();
      const bool full = !frontend->take_place();
      transport_ = entrance_.table_.adopt(frontend, port_, std::move(transport_), full);
      if (transport_) return close();
      closed_ = true;
      entrance_.free(*this);
    });
  }
  void close() {
    if (std::exchange(closed_, true)) return;
    entrance_.table_.count().not_entered.add();
    transport_->close();
    if (!transport_->busy()) entrance_.free(*this);
  }
  [[nodiscard]] bool closed() const { return closed_; }

  // Constant after construction.
  const std::shared_ptr<Frontend> frontend;
  const std::uint32_t deadline;  // the table's clock

 private:
  void on_readable() override {}
  void on_writable() override {}
  void on_released() override { entrance_.free(*this); }

  Entrance& entrance_;
  Port& port_;
  std::unique_ptr<net::Transport> transport_;
  bool closed_ = false;  // or entered
};

Entrance::Entrance(SessionTable& table) : table_(table) {}
Entrance::~Entrance() = default;

void Entrance::admit(const std::shared_ptr<Frontend>& frontend, Port& port, std::unique_ptr<net::Transport> transport,
                     std::chrono::milliseconds timeout) {
  const auto ticks = static_cast<std::uint32_t>((timeout.count() + kTickMs - 1) / kTickMs);
  guests_.push_back(
      std::make_unique<Guest>(*this, frontend, port, std::move(transport), table_.clock() + std::max(ticks, 1U)));
  guests_.back()->start();
}

void Entrance::tick() {
  // Backwards: who is freed makes room for one from behind, which was looked at.
  for (std::size_t i = guests_.size(); i-- > 0;) {
    if (!guests_[i]->closed() && table_.clock() > guests_[i]->deadline) guests_[i]->close();
  }
}

void Entrance::close_all(const Frontend& frontend) {
  for (std::size_t i = guests_.size(); i-- > 0;) {
    if (guests_[i]->frontend.get() == &frontend) guests_[i]->close();
  }
}

void Entrance::free(Guest& guest) {
  const auto it = std::find_if(guests_.begin(), guests_.end(), [&](const auto& one) { return one.get() == &guest; });
  std::shared_ptr<Guest> leaving(std::move(*it));
  *it = std::move(guests_.back());
  guests_.pop_back();
  table_.worker().retire(std::move(leaving));
}

}  // namespace cm::session
