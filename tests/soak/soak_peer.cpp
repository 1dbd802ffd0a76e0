// Answers what the soak's game asks, from another host.
#include <cellmesh/plugin.hpp>

class SoakPeer : public cellmesh::Service<SoakPeer> {
 public:
  void on(const soak::PeerREQ& req, cellmesh::Client /*player*/) {
    soak::PeerACK ack;
    ack.set_number(req.number());
    reply(ack);
  }
};

CELLMESH_PLUGIN(SoakPeer)
