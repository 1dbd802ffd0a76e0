#pragma once

#include <functional>
#include <string>

namespace cm::test {

// A machine of its own as far as the network goes: a network namespace, joined to this one by a cable (veth) that can
// be cut. Needs root and iproute2. Gone when this object goes. One thread.
class NetNamespace {
 public:
  // Why there can be none here; empty if there can.
  static std::string missing();

  NetNamespace();
  ~NetNamespace();
  NetNamespace(const NetNamespace&) = delete;
  NetNamespace& operator=(const NetNamespace&) = delete;

  // The address of this side, as seen from there.
  [[nodiscard]] const std::string& near_address() const { return near_address_; }
  // Runs fn with the network of the other side: sockets that it opens stay there.
  void inside(const std::function<void()>& fn) const;
  // From now on nothing arrives any more, in either direction, and nobody is told.
  void cut();

 private:
  std::string name_;
  std::string near_device_;
  std::string far_device_;
  std::string near_address_;
};

}  // namespace cm::test
