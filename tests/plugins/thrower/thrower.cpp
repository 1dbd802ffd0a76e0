// Throws something else in every hook but those that would keep it from being loaded.
#include <cellmesh/plugin.hpp>

#include <stdexcept>
#include <string>

struct NoException {};

class Thrower : public cellmesh::Service<Thrower, bad::ThrowerSettings> {
 public:
  void start() {
    every<&Thrower::on_timer>(std::chrono::milliseconds(100));
    subscribe<&Thrower::on_news>("news");
  }
  void stop() { throw std::runtime_error("thrown by stop"); }

  void on(const bad::ThrowREQ&, cellmesh::Client) {
    if (call<&Thrower::on_answer>(self(), bad::ThrowBackREQ()) != cellmesh::Status::ok) log().warn("no call");
    publish("news", bad::ThrowNewsACK());
    if (offload<&Thrower::work, &Thrower::on_work>(std::string("input")) != cellmesh::Status::ok) log().warn("no job");
    throw std::runtime_error("thrown by on ThrowREQ");
  }
  void on(const bad::ThrowBackREQ&, cellmesh::Sender) { throw 42; }
  void on(const bad::ThrowNewsACK&) { throw std::runtime_error("thrown by on ThrowNewsACK"); }

  void on_settings(const bad::ThrowerSettings&) { throw std::runtime_error("thrown by on_settings"); }
  void on_client_closed(cellmesh::Client, cellmesh::CloseReason) {
    throw std::logic_error("thrown by on_client_closed");
  }
  void on_service(cellmesh::ServiceId, bool) { throw NoException(); }

 private:
  static std::string work(const std::string&) { throw std::runtime_error("thrown by work"); }
  void on_timer() { throw std::runtime_error("thrown by on_timer"); }
  void on_answer(const bad::ThrowBackACK&, cellmesh::Status) { throw std::runtime_error("thrown by on_answer"); }
  void on_news(const bad::ThrowNewsACK&, const cellmesh::ChannelInfo&) { throw std::bad_alloc(); }
  void on_work(const std::string&, cellmesh::Status) { throw std::string("thrown by on_work"); }
};

CELLMESH_PLUGIN(Thrower)
