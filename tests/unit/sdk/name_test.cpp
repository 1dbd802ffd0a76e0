#include <gtest/gtest.h>

#include "unit/sdk/probe.hpp"

namespace cm::test {

struct ChatRoom : cellmesh::Service<ChatRoom> {};
struct HTTPServer2Go : cellmesh::Service<HTTPServer2Go> {};
struct Named : cellmesh::Service<Named> {
  static constexpr std::string_view kind = "another-name";
  void on_tick() {}
};

namespace {

struct Hidden {
  void on_tick() const noexcept {}
};
template <typename T>
struct Of {
  void on_tick(int /*n*/) {}
};

template <auto H>
constexpr std::string_view handler = cellmesh::detail::HandlerName<H>::value.view();
template <typename T>
constexpr std::string_view kind = cellmesh::detail::KindName<T>::value.view();

// They are made at compile time.
static_assert(handler<&Named::on_tick> == "Named::on_tick");
static_assert(kind<ChatRoom> == "chat_room");

TEST(Name, HandlerIsNamedByItsClassAndItself) {
  EXPECT_EQ(handler<&Named::on_tick>, "Named::on_tick");
  EXPECT_EQ(handler<&Hidden::on_tick>, "Hidden::on_tick");
  EXPECT_EQ(std::string(handler<&Of<Of<Hidden>>::on_tick>).substr(0, 3), "Of<");
  EXPECT_EQ(std::string_view(cellmesh::detail::HandlerName<&Named::on_tick>::value.c_str()), "Named::on_tick");
}

TEST(Name, KindIsTheClassNameInSnakeCase) {
  EXPECT_EQ(kind<ChatRoom>, "chat_room");
  EXPECT_EQ(kind<HTTPServer2Go>, "http_server2_go");
  EXPECT_STREQ(kind_of<ChatRoom>().kind, "chat_room");
}

TEST(Name, KindIsTheOneGiven) {
  EXPECT_EQ(kind<Named>, "another-name");
  EXPECT_STREQ(kind_of<Named>().kind, "another-name");
}

TEST(Name, PluginNamesItsServices) {
  constexpr cm_plugin plugin = cellmesh::detail::make_plugin<ProbeMessages, ChatRoom, Named>();
  ASSERT_EQ(plugin.kind_count, 2U);
  EXPECT_STREQ(plugin.kinds[0]->kind, "chat_room");
  EXPECT_STREQ(plugin.kinds[1]->kind, "another-name");
  EXPECT_EQ(plugin.abi_major, CM_ABI_MAJOR);
  EXPECT_EQ(plugin.struct_size, sizeof(cm_plugin));
  static_assert(cellmesh::detail::provides_exactly<ChatRoom, Named>({"another-name", "chat_room"}));
  static_assert(!cellmesh::detail::provides_exactly<ChatRoom, Named>({"chat_room"}));
  static_assert(!cellmesh::detail::provides_exactly<ChatRoom>({"named"}));
}

}  // namespace
}  // namespace cm::test
