#include "plugin/mailbox.hpp"

#include <utility>

#include "cellmesh/abi/types.h"

namespace cm::plugin {

routing::Delivery Mailbox::deliver(const routing::Envelope& envelope) {
  if (envelope.body.size() > CM_MAX_SERVICE_BODY) return routing::Delivery::too_large;
  const auto put = queue_.put(envelope);
  if (put.was_empty) signal_.wake();
  return put.delivery;
}

void Mailbox::service_changed(routing::ServiceRef ref, bool up) {
  routing::Envelope envelope;
  envelope.kind = up ? routing::Kind::service_up : routing::Kind::service_down;
  envelope.from = ref;
  if (deliver(envelope) != routing::Delivery::full) return;
  put_aside([&](Aside& aside) {
    auto& changes = aside.services[ref];
    changes.down = changes.down || !up;
    changes.up = up;
  });
}

void Mailbox::settings_changed(std::string bytes) {
  put_aside([&](Aside& aside) { aside.settings = std::move(bytes); });
}

void Mailbox::entry_changed(const std::string& name, std::optional<std::string> value) {
  put_aside([&](Aside& aside) { aside.entries.insert_or_assign(name, std::move(value)); });
}

void Mailbox::job_done(JobResult result) {
  put_aside([&](Aside& aside) { aside.jobs.push_back(std::move(result)); });
}

void Mailbox::run(std::shared_ptr<ThreadTask> task) {
  put_aside([&](Aside& aside) { aside.tasks.push_back(std::move(task)); });
}

void Mailbox::begin_drain() {
  put_aside([](Aside& aside) { aside.drain = true; });
}

template <class Change>
void Mailbox::put_aside(Change&& change) {
  {
    const std::lock_guard lock(mutex_);
    change(aside_);
    has_aside_.store(true, std::memory_order_release);
  }
  signal_.wake();
}

std::optional<Mailbox::Aside> Mailbox::take_aside() {
  if (!has_aside_.load(std::memory_order_acquire)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  has_aside_.store(false, std::memory_order_release);
  return std::exchange(aside_, {});
}

}  // namespace cm::plugin
