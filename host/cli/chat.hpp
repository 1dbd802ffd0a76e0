#pragma once

#include <chrono>
#include <string>

#include "base/result.hpp"
#include "cli/chat_client.hpp"

namespace cm::cli {

// What a login takes as a guest's name, with or without the "guest-" that it puts before.
base::Status check_chat_name(const std::string& name);

// The user's name and four random digits: two players of one user stay apart.
std::string default_chat_name();

// Runs a chat on standard input and output until the input ends, and what was said has come back. Returns the exit
// code.
int run_chat(ChatConfig config, std::chrono::milliseconds patience = std::chrono::seconds(15));

}  // namespace cm::cli
