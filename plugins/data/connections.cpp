#include "connections.hpp"

#include <algorithm>
#include <utility>

#include "database.hpp"

namespace data {
namespace {

constexpr std::chrono::milliseconds first_pause{100};
constexpr std::chrono::milliseconds longest_pause{2000};

}  // namespace

Connections& Connections::of_plugin() {
  static Connections connections;
  return connections;
}

void Connections::enter() {
  const std::lock_guard lock(mutex_);
  ++users_;
}

void Connections::leave() {
  std::map<std::string, Database> closed;
  const std::lock_guard lock(mutex_);
  if (--users_ == 0) closed.swap(databases_);
}

Connections::Lease::~Lease() {
  if (!storage_) return;
  storage_.reset();  // before it counts as closed
  connections_.ended(database_, nullptr);
}

void Connections::Lease::give_back() { connections_.ended(database_, std::move(storage_)); }

std::unique_ptr<Connections::Lease> Connections::take(const std::string& name, std::chrono::milliseconds timeout,
                                                      Missing missing) {
  {
    const std::lock_guard lock(mutex_);
    Database& database = databases_[name];
    if (database.replaced && database.in_use > 0) {
      throw Failure(Trouble::refused, "connections to what was the database are still closing; try later");
    }
    database.replaced = false;
    if (!database.idle.empty()) {
      auto lease = std::make_unique<Lease>(*this, name, std::move(database.idle.back()));
      database.idle.pop_back();
      ++database.in_use;
      return lease;
    }
    if (database.pause.count() > 0 && Clock::now() < database.next_attempt) {
      throw Failure(Trouble::refused, database.why);
    }
    ++database.in_use;
  }
  try {
    auto lease = std::make_unique<Lease>(*this, name, open(name, timeout, missing));
    const std::lock_guard lock(mutex_);
    databases_[name].pause = {};
    return lease;
  } catch (const Failure& failure) {
    const std::lock_guard lock(mutex_);
    Database& database = databases_[name];
    --database.in_use;
    database.pause = std::clamp(2 * database.pause, first_pause, longest_pause);
    database.next_attempt = Clock::now() + database.pause;
    database.why = failure.what();
    throw Failure(Trouble::refused, failure.what());
  }
}

void Connections::ended(const std::string& name, std::unique_ptr<Storage> whole) {
  std::unique_ptr<Storage> closed;
  const std::lock_guard lock(mutex_);
  Database& database = databases_[name];
  if (whole && (users_ == 0 || database.replaced)) closed = std::move(whole);
  closed.reset();  // before it counts as closed
  if (database.in_use > 0) --database.in_use;
  if (whole) database.idle.push_back(std::move(whole));
}

void Connections::drop(const std::string& name, bool replaced) {
  std::vector<std::unique_ptr<Storage>> closed;
  const std::lock_guard lock(mutex_);
  Database& database = databases_[name];
  closed.swap(database.idle);
  closed.clear();
  database.replaced = database.replaced || replaced;
}

}  // namespace data
