#include "soak/mesh.hpp"

#include <boost/json.hpp>
#include <fstream>
#include <set>
#include <stdexcept>

#include "admin/client.hpp"

namespace cm::soak {

namespace fs = std::filesystem;
namespace json = boost::json;

Mesh::Mesh() : plugins_(folder_ / "plugins") {
  test::copy_plugins(plugins_, {"agent", "hub", "login"});
  for (const char* file : {"soak_game_v1.so", "soak_game_v2.so", "soak_peer.so"}) {
    fs::copy_file(test::test_plugins() / file, plugins_ / file);
  }
  fs::copy_file(plugins_ / "soak_game_v1.so", plugins_ / "game.so");
  consul_.kv_put("cellmesh/config/login/allow_guests", "true");
  consul_.kv_put("cellmesh/config/login/signing_key_file", "ephemeral");
  const auto start = [&](const char* name, const char* list) {
    return std::make_unique<test::Host>(test::Host::Options{.folder = folder_ / name,
                                                            .arguments = {"--consul", consul_.url(), "--plugins", list},
                                                            .plugin_dir = plugins_,
                                                            .env = {}});
  };
  agent_ = start("agent", "agent,login");
  game_ = start("game", "game");
  hub_ = start("hub", "hub,soak_peer");
  for (auto* host : {agent_.get(), game_.get(), hub_.get()}) host->await_ready();
}

std::string Mesh::login_address() { return agent_->await_ready().address_of("login"); }

Mesh::Reloaded Mesh::reload(test::Host& host, const std::string& plugin, const std::string& file) {
  const auto answer = admin::ask(host.admin_socket(), "reload", {{"name", plugin}, {"file", file}});
  if (!answer) return {false, answer.error().text, 0};
  Reloaded result{answer->at("ok").as_bool(), {}, static_cast<double>(answer->at("pause_us").as_int64())};
  if (!result.ok) result.why = std::string(answer->at("why").as_string());
  return result;
}

Mesh::Reloaded Mesh::reload_game() {
  const int next = 3 - version_;
  auto result = reload(*game_, "game", (plugins_ / ("soak_game_v" + std::to_string(next) + ".so")).string());
  if (result.ok) version_ = next;
  return result;
}

Mesh::Memory Mesh::game_memory() {
  Memory memory;
  const std::string proc = "/proc/" + std::to_string(game_->process().pid());
  std::ifstream status(proc + "/status");
  for (std::string word; status >> word;) {
    if (word == "VmRSS:") status >> memory.resident_kib;
  }
  std::set<std::string> libraries;
  std::ifstream maps(proc + "/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto at = line.find('/');
    if (at != std::string::npos && line.find("game", at) != std::string::npos) libraries.insert(line.substr(at));
  }
  memory.libraries = libraries.size();
  const auto plugins = game_->query({"plugins"});
  for (const auto& plugin : plugins.as_array()) {
    if (plugin.at("name").as_string() == "game") memory.generations = plugin.at("generations").as_array().size();
  }
  return memory;
}

std::string Mesh::logs() const {
  return "--- agent\n" + test::tail(agent_->log()) + "--- game\n" + test::tail(game_->log()) + "--- hub\n" +
         test::tail(hub_->log());
}

}  // namespace cm::soak
