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

std::unique_ptr<Storage> Connections::take(const std::string& name, std::chrono::milliseconds timeout) {
  {
    const std::lock_guard lock(mutex_);
    Database& database = databases_[name];
    if (!database.idle.empty()) {
      auto storage = std::move(database.idle.back());
      database.idle.pop_back();
      return storage;
    }
    if (database.pause.count() > 0 && Clock::now() < database.next_attempt) {
      throw Failure(Trouble::refused, database.why);
    }
  }
  try {
    auto storage = open(name, timeout);
    const std::lock_guard lock(mutex_);
    databases_[name].pause = {};
    return storage;
  } catch (const Failure& failure) {
    const std::lock_guard lock(mutex_);
    Database& database = databases_[name];
    database.pause = std::clamp(2 * database.pause, first_pause, longest_pause);
    database.next_attempt = Clock::now() + database.pause;
    database.why = failure.what();
    throw Failure(Trouble::refused, failure.what());
  }
}

void Connections::give_back(const std::string& name, std::unique_ptr<Storage> storage) {
  const std::lock_guard lock(mutex_);
  if (users_ > 0) databases_[name].idle.push_back(std::move(storage));
}

void Connections::drop(const std::string& name) {
  std::vector<std::unique_ptr<Storage>> closed;
  const std::lock_guard lock(mutex_);
  closed.swap(databases_[name].idle);
}

}  // namespace data
