#include <cellmesh/testkit.hpp>

#include <gtest/gtest.h>

namespace {

TEST(EchoPlugin, AnswersItsSenderAlone) {
  cellmesh::test::Host host("echo#0@test");
  const auto ann = host.client();
  const auto bob = host.client();
  proto::EchoREQ req;
  req.set_content("hello");
  EXPECT_EQ(host.deliver(req, ann), cellmesh::Status::ok);
  EXPECT_TRUE(host.sent<proto::EchoACK>(bob).empty());
  EXPECT_EQ(host.one<proto::EchoACK>(ann).content(), "hello");
}

}  // namespace
