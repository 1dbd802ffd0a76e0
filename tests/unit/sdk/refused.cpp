// Mistakes that the SDK refuses with a sentence: each is compiled with its own macro, see CMakeLists.txt.
#ifdef ANOTHER_KIND
#define CELLMESH_PLUGIN_PROVIDES "something"
#endif
#include <cellmesh/plugin.hpp>

#include "probe.cellmesh.hpp"

using cellmesh::Client;
using cellmesh::Status;

class Wrong : public cellmesh::Service<Wrong> {
 public:
#if defined(PRIVATE_ON)
 private:
  void on(const probe::AskREQ&, Client) {}
#elif defined(ON_WITH_ANOTHER_SECOND)
  void on(const probe::AskREQ&, int) {}
#elif defined(ON_WITH_A_MUTABLE_MESSAGE)
  void on(probe::AskREQ&, Client) {}
#elif defined(HOOK_WITH_ANOTHER_SIGNATURE)
  void on_client_closed(Client) {}
#elif defined(SETTINGS_HOOK_WITHOUT_SETTINGS)
  void on_settings(const probe::ProbeSettings&) {}
#elif defined(SAVE_WITHOUT_LOAD)
  void save(probe::KeeperState&) const {}
#elif defined(STATE_THAT_IS_NONE)
  void save(probe::LoadACK&) const {}
  void load(const probe::LoadACK&) {}
#elif defined(STATE_OF_ANOTHER_KIND)
  void save(probe::KeeperState&) const {}
  void load(const probe::KeeperState&) {}
#elif defined(REPLY_HANDLER_WITHOUT_STATUS)
  void start() { static_cast<void>(call<&Wrong::on_x>(cellmesh::ServiceId(1), probe::LoadREQ())); }
  void on_x(const probe::LoadACK&) {}
#elif defined(COOKIE_TOO_SHORT)
  void start() { after<&Wrong::on_x>(std::chrono::seconds(1)); }
  void on_x(int) {}
#elif defined(COOKIE_WITH_A_POINTER)
  void start() { after<&Wrong::on_x>(std::chrono::seconds(1), this); }
  void on_x(Wrong*) {}
#elif defined(FORMAT_WITHOUT_A_PLACE)
  void start() { log().info("no place", 1); }
#endif
};

class Probe : public cellmesh::Service<Probe, probe::ProbeSettings> {
#if defined(SETTINGS_OF_ANOTHER_KIND)
 public:
  static constexpr std::string_view kind = "another";
#endif
};

namespace cellmesh::gen {
using Messages = cellmesh::MessageList<probe::AskREQ, probe::LoadACK>;
}

CELLMESH_PLUGIN(Wrong, Probe)
