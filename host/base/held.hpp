#pragma once

#include <memory>
#include <utility>

namespace cm::base {

// A hold on something that does not change, one of many. To be looked into with `->` it must have a name: what
// `for (auto& x : take_hold()->list)` walks would die before the first turn of the loop, in C++20.
template <class T>
class Held {
 public:
  Held() = default;
  Held(std::shared_ptr<const T> object) : object_(std::move(object)) {}

  const T* operator->() const& { return object_.get(); }
  const T* operator->() const&& = delete;
  const T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  std::shared_ptr<const T> object_;
};

}  // namespace cm::base
