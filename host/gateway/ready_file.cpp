#include "gateway/ready_file.hpp"

#include <cstring>
#include <filesystem>
#include <fstream>

#include <unistd.h>
#include <boost/json.hpp>

namespace cm::gateway {

base::Status write_ready_file(const std::string& path, const std::string& host, const routing::Registry& registry,
                              const routing::Frontends& frontends) {
  namespace json = boost::json;
  json::array rows;
  const auto services = registry.snapshot();
  for (const auto& entry : services->entries) {
    if (!entry.host.empty()) continue;
    for (const auto& listener : frontends.listeners(entry.ref)) {
      const std::string& url = listener.urls.front();
      std::string address = url.substr(url.find("//") + 2);
      if (address.ends_with('/')) address.pop_back();
      rows.push_back(json::object{{"service", registry.names().service_id(entry.ref)},
                                  {"transport", routing::name(listener.transport)},
                                  {"address", std::move(address)},
                                  {"url", url}});
    }
  }
  const json::object root{{"host", host}, {"pid", getpid()}, {"frontends", std::move(rows)}};
  const std::string temporary = path + "." + std::to_string(getpid()) + ".tmp";
  std::ofstream file(temporary, std::ios::trunc);
  file << json::serialize(root) << '\n';
  file.close();
  std::error_code ec;
  if (file) std::filesystem::rename(temporary, path, ec);
  if (!file || ec) {
    const std::string why = ec ? ec.message() : std::strerror(errno);
    std::filesystem::remove(temporary, ec);
    return base::error("cannot write the ready file " + path + ": " + why + "; give another with --ready-file");
  }
  return {};
}

}  // namespace cm::gateway
