#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/client.hpp"
#include "support/process.hpp"

namespace cm::test {

// What somebody types outside this tree, in a folder; throws when it fails. Its output.
inline std::string must_run(std::vector<std::string> command, const std::filesystem::path& folder = {}) {
  constexpr std::chrono::minutes kBuild{5};
  const std::string what = command[0] + " " + command[1];
  const auto finished = run({.command = std::move(command), .env = {}, .folder = folder, .log = {}}, kBuild);
  if (!finished || finished->code != 0) throw std::runtime_error(what + ": " + (finished ? finished->output : "hangs"));
  return finished->output;
}

// All of this build, installed to a folder.
inline void install_to(const std::filesystem::path& prefix) {
  must_run({"cmake", "--install", CM_E2E_BUILD, "--prefix", prefix.string()});
}

// A message whose first field is this text, which is short.
inline std::string text_message(const std::string& text) {
  return std::string{'\x0a', static_cast<char>(text.size())} + text;
}

// What `<message>REQ` with a name is answered, by `<message>ACK` or a notice.
inline std::string greeting(Client& client, const std::string& message, const std::string& name) {
  client.send(message_id(message + "REQ"), text_message(name));
  for (;;) {
    const auto frame = client.read();
    if (!frame) throw std::runtime_error("closed");
    if (frame->is<proto::NoticeACK>()) return frame->as<proto::NoticeACK>().text();
    if (frame->id == message_id(message + "ACK")) return frame->body.substr(2);
  }
}

}  // namespace cm::test
