#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "routing/destination.hpp"

namespace cm::test {

// A destination that keeps what it gets, and answers as the test wants. [any thread]
class FakeService : public routing::Destination {
 public:
  struct Got {
    routing::Kind kind{};
    std::uint16_t msg_id = 0;
    std::int32_t status = 0;
    routing::ServiceRef to{};
    routing::ServiceRef from{};
    routing::ClientId client;
    std::uint64_t call = 0;
    std::string body;
  };

  routing::Delivery deliver(const routing::Envelope& e) override {
    {
      const std::lock_guard lock(mutex_);
      ++asked_;
      if (answer_ != routing::Delivery::sent) return answer_;
      got_.push_back({e.kind,
                      e.msg_id,
                      e.status,
                      e.to,
                      e.from,
                      e.client,
                      e.call,
                      {reinterpret_cast<const char*>(e.body.data()), e.body.size()}});
    }
    if (on_deliver) on_deliver(e);
    return routing::Delivery::sent;
  }

  void answer(routing::Delivery delivery) {
    const std::lock_guard lock(mutex_);
    answer_ = delivery;
  }
  [[nodiscard]] std::vector<Got> got() const {
    const std::lock_guard lock(mutex_);
    return got_;
  }
  [[nodiscard]] std::vector<Got> got(routing::Kind kind) const {
    std::vector<Got> result = got();
    std::erase_if(result, [&](const Got& g) { return g.kind != kind; });
    return result;
  }
  [[nodiscard]] std::size_t asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

  // Constant while it is in use; runs within deliver().
  std::function<void(const routing::Envelope&)> on_deliver;

 private:
  mutable std::mutex mutex_;
  routing::Delivery answer_ = routing::Delivery::sent;
  std::vector<Got> got_;
  std::size_t asked_ = 0;
};

}  // namespace cm::test
