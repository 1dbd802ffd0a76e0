// A game of another kind than the shipped one: it takes whoever an agent brings.
#include <cellmesh/plugin.hpp>

class Arena final : public cellmesh::Service<Arena> {
 public:
  void on(const proto::EnterGameREQ& /*req*/, cellmesh::Sender from) { from.reply(proto::EnterGameACK()); }
};

CELLMESH_PLUGIN(Arena)
