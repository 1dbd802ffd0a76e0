#include <cellmesh/plugin.hpp>

#include <stdexcept>

class ThrowsInConstructor : public cellmesh::Service<ThrowsInConstructor> {
 public:
  ThrowsInConstructor() { throw std::runtime_error("there is no database"); }
};

CELLMESH_PLUGIN(ThrowsInConstructor)
