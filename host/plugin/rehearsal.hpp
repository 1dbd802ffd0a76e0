#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "plugin/surroundings.hpp"
#include "plugin/takeover.hpp"

namespace cm::plugin {

// What one service would hand over.
struct RehearsedService {
  std::string kind;
  std::optional<std::string> settings;  // as the new version declares them, serialized
  const StateCopy* state = nullptr;
  const std::vector<Takeover::Waiting>* waiting = nullptr;
};

// Tries a new version of a plugin in a process of its own: loads it, gives it the state, asks for its handlers, has it
// save. Whatever it does there - crash, throw, hang, exit - is a refusal that says so, and nothing happened here.
// `program`: what is run, with `rehearse` as its word. Blocks for `time_limit` at most.
base::Status rehearse(const std::filesystem::path& program, const std::filesystem::path& library,
                      const std::string& label, const HostIdentity& identity,
                      const std::vector<RehearsedService>& services, std::chrono::milliseconds time_limit);

// The process's side: reads what is asked from standard input, answers on standard output. Returns the exit code.
int run_rehearsal();

}  // namespace cm::plugin
