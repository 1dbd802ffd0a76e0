#include <cstdio>
#include <exception>
#include <random>
#include <utility>

#include <boost/asio/co_spawn.hpp>

#include "mesh/mesh.hpp"
#include "mesh/opening.hpp"

namespace cm::mesh {
namespace {

Task<base::Result<PeerInfo>> ask(std::shared_ptr<Opening> opening, std::string address) {
  const base::Status connected = co_await opening->connect(address);
  if (!connected) co_return connected.error();
  std::string question = opening_frame(FrameType::who, pb::Go());
  const base::Status asked = co_await opening->write(std::move(question));
  if (!asked) co_return asked.error();
  const base::Result<OpeningFrame> answer = co_await opening->read();
  if (!answer) co_return answer.error();
  pb::Identity identity;
  if (answer->type != FrameType::identity || !identity.ParseFromString(answer->body)) {
    co_return base::error(address + " does not say who it is");
  }
  co_return PeerInfo{identity.mesh(), identity.host(), identity.boot()};
}

}  // namespace

base::Result<PeerInfo> probe(const std::string& address, std::chrono::milliseconds limit) {
  boost::asio::io_context context(1);
  auto opening = std::make_shared<Opening>(context);
  opening->limit(limit);
  base::Result<PeerInfo> result = base::error("no answer");
  auto task = ask(opening, address);
  boost::asio::co_spawn(context.get_executor(), std::move(task),
                        [&](const std::exception_ptr& e, base::Result<PeerInfo> answer) {
                          if (e) std::rethrow_exception(e);
                          result = std::move(answer);
                          opening->abandon();
                        });
  context.run();
  return result;
}

std::string new_boot() {
  std::random_device random;
  std::string boot;
  for (int i = 0; i < 4; ++i) {
    char word[9];
    std::snprintf(word, sizeof(word), "%08x", random());
    boot += word;
  }
  return boot;
}

}  // namespace cm::mesh
