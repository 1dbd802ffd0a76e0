// Throws in every hook that does not keep it from starting.
#include <cellmesh/plugin.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "thrower.cellmesh.hpp"

class Thrower : public cellmesh::Service<Thrower> {
 public:
  void start() {
    touched().push_back("start");
    (void)after<&Thrower::on_time>(std::chrono::milliseconds(0), std::string("cookie"));
  }
  void stop() { throw std::runtime_error("in stop"); }
  void on(const thrower::ThrowREQ& req, cellmesh::Client) { throw std::runtime_error("in on: " + req.text()); }
  void on(const thrower::ThrowACK&, cellmesh::Sender) { throw 42; }
  void on_time(const std::string& cookie) { throw std::logic_error("in a timer with " + cookie); }
  void on_client_closed(cellmesh::Client, cellmesh::CloseReason) { throw std::runtime_error("in on_client_closed"); }
  void on_service(cellmesh::ServiceId, bool) { throw std::runtime_error("in on_service"); }

 private:
  // What keeps a library loaded when it is not built right: a thread_local and a static, both with destructors.
  static std::vector<std::string>& touched() {
    thread_local std::vector<std::string> names;
    static std::vector<std::string> all;
    all.emplace_back("touched");
    names.emplace_back("touched");
    return all;
  }
};
CELLMESH_PLUGIN(Thrower)
