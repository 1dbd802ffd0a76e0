#include "base/secret.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "base/operator_text.hpp"

namespace cm::base {
namespace {

constexpr std::string_view kFile = "file:";
constexpr std::string_view kEnv = "env:";
constexpr std::size_t kMaxSecret = 64U << 10U;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

// The length of `postgresql:`; 0 when the text begins otherwise.
std::size_t scheme_size(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || !is_letter(text.front())) return 0;
  const bool good = std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon),
                                [](char c) { return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.'; });
  return good ? colon + 1 : 0;
}

// The query's values whose names speak of secrets, or are written so that one cannot tell.
std::string masked_query(std::string_view query) {
  static constexpr std::array<std::string_view, 9> kSecretNames{"pass", "pwd",  "secret", "token", "key",
                                                                "auth", "cred", "sig",    "%"};
  std::string out;
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find_first_of("&;"));
    const std::size_t equals = std::min(one.find('='), one.size());
    const std::string name = lower(one.substr(0, equals));
    const bool secret = equals == one.size() || std::any_of(kSecretNames.begin(), kSecretNames.end(), [&](auto word) {
                          return name.find(word) != std::string::npos;
                        });
    out += one.substr(0, equals);
    if (equals < one.size()) out += "=" + (secret ? std::string(kMasked) : std::string(one.substr(equals + 1)));
    query.remove_prefix(one.size());
    if (query.empty()) break;
    out += query.front();
    query.remove_prefix(1);
  }
  return out;
}

// `host:port`, several with commas between them; what stands for a port and is none may be a password whose `@host` was
// forgotten.
bool is_plain_authority(std::string_view authority) {
  while (!authority.empty()) {
    std::string_view one = authority.substr(0, authority.find(','));
    authority.remove_prefix(std::min(authority.size(), one.size() + 1));
    if (one.starts_with('[')) one.remove_prefix(std::min(one.find(']'), one.size()));
    const std::size_t colon = one.rfind(':');
    if (colon == std::string_view::npos) continue;
    if (!std::all_of(one.begin() + static_cast<std::ptrdiff_t>(colon) + 1, one.end(), is_digit)) return false;
  }
  return true;
}

std::string masked_url(std::string_view url) {
  const std::size_t scheme = scheme_size(url);
  if (scheme == 0) return std::string(kMasked);
  std::string out(url.substr(0, scheme));
  std::string_view rest = url.substr(scheme);
  if (!rest.starts_with("//")) {
    // A path, such as that of a SQLite file. Anything else may be a password under a forgotten `//`.
    const bool path = rest.find_first_of("/.") != std::string_view::npos && rest.find('@') == std::string_view::npos;
    return path ? out + std::string(rest.substr(0, rest.find('?'))) : out + std::string(kMasked);
  }
  out += "//";
  rest.remove_prefix(2);
  // Passwords are written unescaped, too: all up to the last `@` may belong to one.
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    const std::string_view user = rest.substr(0, at);
    const std::size_t colon = user.find(':');
    if (colon != std::string_view::npos) {
      out.append(user.substr(0, colon)).append(":").append(kMasked);
    } else {
      out += user.find_first_of("/?#@") == std::string_view::npos ? user : kMasked;
    }
    out += '@';
    rest.remove_prefix(at + 1);
  }
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (!is_plain_authority(authority)) return out + std::string(kMasked);
  const std::size_t query = std::min(rest.find_first_of("?#"), rest.size());
  out += rest.substr(0, query);
  if (query == rest.size()) return out;
  return out + rest[query] + (rest[query] == '?' ? masked_query(rest.substr(query + 1)) : std::string(kMasked));
}

Error unreadable(const std::string& path, const std::string& why) {
  return error("cannot read the secret in " + path + ": " + why +
               "; put it there, readable for the user that the host runs as");
}

// Regular files alone: another might block, or never end.
Result<std::string> read_file(const std::string& path) {
  if (!path.starts_with('/')) {
    return error("file:" + path +
                 " is not an absolute path; write it from the root on, such as file:/run/secrets/name");
  }
  const auto why = [] { return std::generic_category().message(errno); };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return unreadable(path, why());
  struct Close {
    int fd;
    ~Close() { ::close(fd); }
  } const close{fd};
  struct stat info {};
  if (::fstat(fd, &info) != 0) return unreadable(path, why());
  if (!S_ISREG(info.st_mode)) return unreadable(path, "it is not a file");
  std::string text(kMaxSecret + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = ::read(fd, text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return unreadable(path, why());
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  if (size > kMaxSecret) return unreadable(path, "it has more than 64 KiB");
  text.resize(size);
  return text;
}

Result<std::string> read_variable(const std::string& name) {
  const char* value = name.empty() ? nullptr : std::getenv(name.c_str());
  if (value != nullptr) return std::string(value);
  return error("there is no variable \"" + name + "\" in the host's environment; set it before the host starts");
}

}  // namespace

bool is_secret_reference(std::string_view value) { return value.starts_with(kFile) || value.starts_with(kEnv); }

std::string masked(std::string_view value, bool is_url) {
  if (value.empty() || is_secret_reference(value)) return std::string(value);
  return is_url ? masked_url(value) : std::string(kMasked);
}

Result<std::string> read_secret(const std::string& value) {
  if (!is_secret_reference(value)) return value;
  const bool file = value.starts_with(kFile);
  const std::string name = value.substr(file ? kFile.size() : kEnv.size());
  auto text = file ? read_file(name) : read_variable(name);
  if (!text) return text;
  auto clean = clean_text(*text, TextForm::line_or_pem);
  if (!clean) return error("the secret of " + value + " cannot be taken: " + clean.error().text);
  if (clean->empty()) return error("there is nothing in " + value + "; put the secret there");
  return clean;
}

}  // namespace cm::base
