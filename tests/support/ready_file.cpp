#include "support/ready_file.hpp"

#include <boost/json.hpp>

#include "support/temp_dir.hpp"

namespace cm::test {

std::optional<ReadyFile> ReadyFile::read(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  if (text.empty()) return std::nullopt;  // the host writes it in one step
  const auto root = boost::json::parse(text).as_object();
  ReadyFile ready;
  ready.host = root.at("host").as_string();
  ready.pid = root.at("pid").to_number<int>();
  for (const auto& item : root.at("frontends").as_array()) {
    const auto& row = item.as_object();
    ready.frontends.push_back({std::string(row.at("service").as_string()), std::string(row.at("transport").as_string()),
                               std::string(row.at("address").as_string()), std::string(row.at("url").as_string())});
  }
  return ready;
}

std::string ReadyFile::address_of(const std::string& kind) const {
  for (const auto& frontend : frontends) {
    if (frontend.service.starts_with(kind + "#") && frontend.transport == "tcp") return frontend.address;
  }
  return {};
}

std::string ReadyFile::url_of(const std::string& kind, const std::string& transport) const {
  for (const auto& frontend : frontends) {
    if (frontend.service.starts_with(kind + "#") && frontend.transport == transport) return frontend.url;
  }
  return {};
}

}  // namespace cm::test
