// The smallest plugin: what a client says comes back to it.
#include <cellmesh/plugin.hpp>

class Echo : public cellmesh::Service<Echo> {
 public:
  void on(const proto::EchoREQ& req, cellmesh::Client /*from*/) {
    proto::EchoACK ack;
    ack.set_content(req.content());
    reply(ack);
  }
};

CELLMESH_PLUGIN(Echo)
