#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "support/temp_dir.hpp"

namespace cm::test {

// Sends the audit records of this process to a file of its own, from now on.
class CapturedAudit {
 public:
  CapturedAudit() { base::init_audit((folder_.path() / "audit").string()).value(); }

  // All so far, without their times.
  [[nodiscard]] std::vector<std::string> records() const {
    std::vector<std::string> all;
    std::ifstream in(folder_.path() / "audit");
    for (std::string line; std::getline(in, line);) all.push_back(line.substr(line.find(' ') + 1));
    return all;
  }

 private:
  TempDir folder_;
};

}  // namespace cm::test
