// Social services that tell the chat wrong, each in a way of its own: what robots must notice.
#include <cellmesh/plugin.hpp>

using cellmesh::Client;

class Social : public cellmesh::Service<Social> {
 public:
  void on(const proto::ChatREQ& req, Client /*player*/) {
    const bool wrong = ++lines_ % 3 == 0;
    proto::ChatACK said;
    said.set_content(req.content());
#if defined(CM_DOUBLES)
    clients().broadcast(said);
    if (wrong) clients().broadcast(said);
#elif defined(CM_DROPS)
    if (!wrong) clients().broadcast(said);
#elif defined(CM_INVENTS)
    clients().broadcast(said);
    if (wrong) {
      const auto slash = req.content().rfind('/');
      said.set_content(req.content().substr(0, slash) + "/999999 never said");
      clients().broadcast(said);
    }
#endif
    proto::ChatDoneACK done;
    done.set_request_id(req.request_id());
    reply(done);
  }

 private:
  unsigned lines_ = 0;
};

CELLMESH_PLUGIN(Social)
