#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>

#include "support/host.hpp"
#include "support/wait.hpp"

namespace cm::test {

// Why the host is not ready, as `ctl status` says it; empty if it is ready.
inline std::string not_ready(Host& host) {
  const auto status = host.ctl({"status"});
  if (!status.json.is_object()) return "";
  const auto& reason = status.json.at("not_ready");
  EXPECT_EQ(status.code == 0, reason.is_null()) << status.output;
  EXPECT_EQ(status.json.at("ready").as_bool(), reason.is_null());
  return reason.is_null() ? "" : std::string(reason.as_string());
}

// Waits until that has `part` in it.
inline std::string await_not_ready(Host& host, const std::string& part) {
  std::string reason;
  EXPECT_TRUE(wait_until([&] { return (reason = not_ready(host)).find(part) != std::string::npos; }))
      << "not ready: " << reason << "\n"
      << tail(host.log());
  return reason;
}

}  // namespace cm::test
