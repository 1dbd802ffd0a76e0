#pragma once

#include <span>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "base/result.hpp"
#include "cli/flags.hpp"

namespace cm::cli {

// One thing that `cellmesh ctl` can ask a host for.
struct CtlAction {
  std::string_view words;      // "settings get"
  std::string_view arguments;  // "[PREFIX]"
  std::string_view command;    // of the admin protocol
  std::string_view help;
  std::size_t min = 0;  // words behind it
  std::size_t max = 0;
  // The command's args. Refuses what cannot be right, before a host is asked.
  base::Result<boost::json::object> (*args)(std::span<const std::string> words, const Arguments& flags) = nullptr;
  // The result for people.
  std::string (*show)(const boost::json::value& result) = nullptr;
};

std::span<const CtlAction> ctl_actions();

// The action that the words begin with, and how many words that takes; or what was probably meant.
struct CtlMatch {
  const CtlAction* action = nullptr;
  std::size_t taken = 0;
};
base::Result<CtlMatch> match_ctl_action(std::span<const std::string> words);

}  // namespace cm::cli
