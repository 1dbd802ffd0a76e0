#include <cellmesh/plugin.hpp>

#include <stdexcept>

class ThrowsInStart : public cellmesh::Service<ThrowsInStart> {
 public:
  void start() { throw std::runtime_error("there is no level one"); }
};

CELLMESH_PLUGIN(ThrowsInStart)
