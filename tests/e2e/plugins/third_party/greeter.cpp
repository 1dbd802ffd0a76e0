// Greets who asks, and says how often they did.
#include <cellmesh/plugin.hpp>

#include <map>

class Greeter : public cellmesh::Service<Greeter, demo::GreeterSettings> {
 public:
  void on(const demo::GreetREQ& req, cellmesh::Client from) {
    demo::GreetACK ack;
    ack.set_text(settings().greeting() + ", " + req.name() + ", for the " + std::to_string(++times_[from]) + ". time");
    reply(ack);
  }

  void on_client_closed(cellmesh::Client client, cellmesh::CloseReason) { times_.erase(client); }

 private:
  std::map<cellmesh::Client, int> times_;
};

CELLMESH_PLUGIN(Greeter)
