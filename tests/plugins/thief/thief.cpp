// Wants to have the game's messages.
#include <cellmesh/plugin.hpp>

class Thief : public cellmesh::Service<Thief> {
 public:
  void on(const bad::StealREQ&, cellmesh::Client) { log().error("stolen"); }
};

CELLMESH_PLUGIN(Thief)
