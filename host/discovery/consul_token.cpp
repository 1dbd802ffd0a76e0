#include "discovery/consul_token.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/operator_text.hpp"

namespace cm::discovery {
namespace {

constexpr std::size_t kMaxToken = 1024;

}  // namespace

base::Result<std::string> read_consul_token(const std::filesystem::path& file) {
  const auto refuse = [&](const std::string& why) {
    return base::error("the token file " + file.string() + " for Consul " + why);
  };
  std::error_code ec;
  if (std::filesystem::is_directory(file, ec)) return refuse("is a folder; name the file in it");
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  std::array<char, kMaxToken + 64> bytes{};
  if (in) in.read(bytes.data(), bytes.size());
  if (!in && !in.eof()) {
    return refuse("cannot be read: " + std::string(std::strerror(errno != 0 ? errno : EIO)) +
                  "; write the token there, readable for this user, or name another file");
  }
  std::string text(base::trimmed({bytes.data(), static_cast<std::size_t>(in.gcount())}));
  if (text.empty()) return refuse("is empty; write the token there");
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!plain || text.size() > kMaxToken) return refuse("holds something else than one token; write the SecretID alone");
  return text;
}

ConsulToken::ConsulToken(const ConsulConfig& config) : file_(config.token_file), value_(config.token) { refresh(); }

bool ConsulToken::refresh() {
  if (file_.empty()) return false;
  auto read = read_consul_token(file_);
  if (!read) {
    error_ = read.error().text;
    return false;
  }
  error_.clear();
  if (*read == value_) return false;
  value_ = std::move(*read);
  return true;
}

}  // namespace cm::discovery
