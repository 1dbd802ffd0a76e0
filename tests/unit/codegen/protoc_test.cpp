#include "protoc.hpp"

#include <gmock/gmock.h>

#include "message_id.hpp"

namespace cm::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class Refusal : public ::testing::Test {
 protected:
  // The complaint about one file of these messages.
  std::string complaint(const std::string& body, const std::string& parameters = "") {
    protoc_.add("a.proto", body);
    EXPECT_FALSE(protoc_.run(parameters, {"a.proto"})) << body;
    EXPECT_EQ(protoc_.output("a.cellmesh.hpp"), "") << "nothing is written of a refused file";
    return protoc_.errors();
  }

  Protoc protoc_;
};

TEST_F(Refusal, ACollisionNamesBothMessagesAndTheCure) {
  EXPECT_THAT(complaint("message A { option (cellmesh.id) = 29052; }\nmessage ChatREQ {}"),
              AllOf(HasSubstr("a.proto:3: message proto.ChatREQ"), HasSubstr("29052"),
                    HasSubstr("message proto.A (a.proto:2)"), HasSubstr("option (cellmesh.id) = 29053;")));
}

TEST_F(Refusal, ACollisionOfTwoFilesIsSeen) {
  protoc_.add("a.proto", "message A { option (cellmesh.id) = 7; }");
  protoc_.add("b.proto", "message B { option (cellmesh.id) = 7; }");
  EXPECT_FALSE(protoc_.run("plugin=x", {"a.proto", "b.proto"}));
  EXPECT_THAT(protoc_.errors(), AllOf(HasSubstr("b.proto:2: message proto.B"), HasSubstr("proto.A (a.proto:2)")));
}

TEST_F(Refusal, CollidingHashesAreSeen) {
  EXPECT_THAT(complaint("message Cab {}\nmessage CbA {}"), HasSubstr("is also that of message proto.Cab"));
}

TEST_F(Refusal, EachCollisionIsAdvisedAnotherId) {
  EXPECT_THAT(complaint("message A { option (cellmesh.id) = 7; }\nmessage B { option (cellmesh.id) = 7; }\n"
                        "message C { option (cellmesh.id) = 7; }"),
              AllOf(HasSubstr("(cellmesh.id) = 8"), HasSubstr("(cellmesh.id) = 9")));
}

TEST_F(Refusal, AnIdIsSixteenBitsAndNotZero) {
  EXPECT_THAT(complaint("message A { option (cellmesh.id) = 0; }"), HasSubstr("an id is 1 to 65535"));
  EXPECT_THAT(complaint("message A { option (cellmesh.id) = 65536; }"), HasSubstr("65536 is out of range"));
}

TEST_F(Refusal, ProtocolVersionIsOneTo250) {
  EXPECT_THAT(complaint("message A { option (cellmesh.since) = 0; }"),
              HasSubstr("(cellmesh.since) = 0 is out of range"));
  EXPECT_THAT(complaint("message A { option (cellmesh.since) = 251; }"), HasSubstr("is 1 to 250"));
}

TEST_F(Refusal, ARouteNeedsAService) {
  EXPECT_THAT(complaint("message A { option (cellmesh.route) = AUTH; }"),
              AllOf(HasSubstr("a.proto:2: message proto.A"), HasSubstr("AUTH"), HasSubstr("(cellmesh.service)")));
}

TEST_F(Refusal, AServiceNeedsARoute) {
  EXPECT_THAT(complaint("message A { option (cellmesh.service) = \"game\"; }"),
              AllOf(HasSubstr("\"game\" without a route"), HasSubstr("AUTH"), HasSubstr("PASS")));
}

TEST_F(Refusal, AServiceIsAName) {
  EXPECT_THAT(complaint("message A { option (cellmesh.service) = \"my game\"; option (cellmesh.route) = PASS; }"),
              HasSubstr("\"my game\" names no kind of service"));
}

TEST_F(Refusal, AllFaultsAreReportedAtOnce) {
  EXPECT_THAT(complaint("message A { option (cellmesh.route) = PASS; }\nmessage B { option (cellmesh.id) = 0; }"),
              AllOf(HasSubstr("a.proto:2:"), HasSubstr("a.proto:3:")));
}

TEST_F(Refusal, AVersionHasThreeParts) {
  for (const char* bad : {"1", "1.2", "1.2.", "1..2", "1.2.3.4", "1.2.x", "v1.2.3"}) {
    EXPECT_THAT(complaint("message A {}", std::string("plugin=x,version=") + bad), HasSubstr("MAJOR.MINOR.PATCH"))
        << bad;
  }
}

TEST_F(Refusal, AnUnknownParameterIsNamed) {
  EXPECT_THAT(complaint("message A {}", "provide=x"), HasSubstr("unknown parameter provide=x"));
}

TEST_F(Refusal, APluginNeedsItsImportsAmongItsFiles) {
  EXPECT_THAT(complaint("import \"client.proto\"; message A { ServerInfo server = 1; }", "runtime=lite,plugin=x"),
              AllOf(HasSubstr("it imports client.proto"), HasSubstr("add it to PROTOS of cellmesh_add_plugin()")));
}

TEST(PluginHeader, ListsTheMessagesOfAllFiles) {
  Protoc protoc;
  protoc.add("a.proto", "message A { message Inner {} map<string, Inner> m = 1; }");
  protoc.add("b.proto", "message B {}\nmessage S { option (cellmesh.settings) = \"b\"; }");
  ASSERT_TRUE(protoc.run("plugin=duo,version=1.2.3,provides=a,provides=b", {"a.proto", "b.proto"})) << protoc.errors();
  EXPECT_THAT(protoc.output("duo.plugin.hpp"),
              AllOf(HasSubstr("#include \"a.cellmesh.hpp\"\n#include \"b.cellmesh.hpp\"\n"),
                    HasSubstr("MessageList<\n    ::proto::A,\n    ::proto::A_Inner,\n    ::proto::B>;"),
                    HasSubstr("CELLMESH_PLUGIN_NAME \"duo\""), HasSubstr("CELLMESH_PLUGIN_VERSION \"1.2.3\""),
                    HasSubstr("CELLMESH_PLUGIN_PROVIDES \"a\", \"b\"")));
  EXPECT_NE(protoc.output("duo.manifest.c"), "");
  EXPECT_EQ(protoc.output("a.pb.h"), "") << "classes are made only when a runtime is named";
}

TEST(PluginHeader, IsWrittenForPluginsOnly) {
  Protoc protoc;
  protoc.add("a.proto", "message A {}");
  ASSERT_TRUE(protoc.run("", {"a.proto"})) << protoc.errors();
  EXPECT_THAT(protoc.output("a.cellmesh.hpp"), HasSubstr("MessageTraits<::proto::A>"));
  EXPECT_EQ(protoc.output(".plugin.hpp"), "");
}

TEST(HeaderInC, NamesIdsAndFieldsAndNothingElseIsMade) {
  Protoc protoc;
  protoc.add("a.proto",
             "message EchoREQ { string content = 1; map<string, int32> m = 7; message Part { bool ok = 3; } }\n"
             "message S { option (cellmesh.settings) = \"b\"; int32 level = 2; }\n"
             "message T { option (cellmesh.state) = \"b\"; int32 age = 9; }");
  ASSERT_TRUE(protoc.run("language=c,plugin=in_c,version=1.2.3,provides=a,provides=b", {"a.proto"})) << protoc.errors();
  EXPECT_THAT(
      protoc.output("in_c.plugin.h"),
      AllOf(HasSubstr("\n#define CM_MSG_PROTO_ECHOREQ 3323u /* proto.EchoREQ */\n"),
            HasSubstr("\n#define CM_FIELD_PROTO_ECHOREQ_CONTENT 1u"),
            HasSubstr("\n#define CM_FIELD_PROTO_ECHOREQ_M 7u"), HasSubstr("\n#define CM_MSG_PROTO_ECHOREQ_PART "),
            HasSubstr("\n#define CM_FIELD_PROTO_ECHOREQ_PART_OK 3u"), HasSubstr("\n#define CM_FIELD_PROTO_S_LEVEL 2u"),
            Not(HasSubstr("CM_MSG_PROTO_S ")), Not(HasSubstr("ENTRY")), HasSubstr("CELLMESH_PLUGIN_NAME \"in_c\""),
            HasSubstr("CELLMESH_PLUGIN_VERSION \"1.2.3\""), HasSubstr("CELLMESH_PLUGIN_PROVIDES \"a\", \"b\""),
            Not(HasSubstr("//"))));
  EXPECT_NE(protoc.output("in_c.manifest.c"), "");
  for (const char* cpp : {"a.cellmesh.hpp", "a.pb.h", "a.pb.cc", "in_c.plugin.hpp"}) EXPECT_EQ(protoc.output(cpp), "");
}

TEST_F(Refusal, NamesThatAreOneInCAreNamed) {
  EXPECT_THAT(
      complaint("message Echo { int32 a_b = 1; }\nmessage ECHO { message A { int32 b = 2; } }", "language=c,plugin=x"),
      AllOf(HasSubstr("a.proto:3: message proto.ECHO: in C it is CM_MSG_PROTO_ECHO, as proto.Echo is"),
            HasSubstr("message proto.ECHO.A, field b: in C it is CM_FIELD_PROTO_ECHO_A_B, as proto.Echo.a_b")));
}

TEST_F(Refusal, AHeaderInCIsAPluginsAndWithoutClasses) {
  EXPECT_THAT(complaint("message A {}", "language=c"), HasSubstr("language=c is for a plugin"));
  EXPECT_THAT(complaint("message A {}", "language=c,plugin=x,runtime=lite"), HasSubstr("leave out runtime="));
  EXPECT_THAT(complaint("message A {}", "language=rust"), HasSubstr("unknown parameter language=rust"));
}

TEST(ModuleInJavaScript, HasTheMessagesOfAllFilesAndNothingElseIsMade) {
  Protoc protoc;
  protoc.add("a.proto",
             "import \"b.proto\"; message Ask { B b = 1; map<string, Mood> moods = 2; }\nenum Mood { Calm = 0; }");
  protoc.add("b.proto", "message B { option (cellmesh.id) = 7; repeated int32 n = 1; }");
  ASSERT_TRUE(protoc.run("language=js,module=game", {"a.proto", "b.proto"})) << protoc.errors();
  const auto module = protoc.output("game.js");
  EXPECT_THAT(module, HasSubstr("{ name: \"proto.Ask\", id: " + std::to_string(codegen::message_id("proto.Ask"))));
  EXPECT_THAT(module, HasSubstr("{ name: \"proto.B\", id: 7"));
  EXPECT_THAT(module, HasSubstr("kind: \"int32\", repeated: true, packed: true"));
  EXPECT_THAT(module, HasSubstr("{ name: \"proto.Mood\", values: { Calm: 0 } }"));
  EXPECT_THAT(module, Not(HasSubstr("MoodsEntry")));
  EXPECT_EQ(protoc.output("a.cellmesh.hpp"), "");
}

TEST_F(Refusal, AModuleInJavaScriptIsNamedAndNoPlugins) {
  EXPECT_THAT(complaint("message A {}", "language=js"), HasSubstr("language=js and module=NAME"));
  EXPECT_THAT(complaint("message A {}", "module=game"), HasSubstr("language=js and module=NAME"));
  EXPECT_THAT(complaint("message A {}", "language=js,module=game,plugin=x"), HasSubstr("without runtime= and plugin="));
  EXPECT_THAT(complaint("message A {}", "language=js,module=a/b"), HasSubstr("module=a/b: a name is"));
}

TEST_F(Refusal, JavaScriptIsMadeOfProto3WithoutAPrototypesName) {
  EXPECT_THAT(complaint("message A { int32 __proto__ = 1; }", "language=js,module=game"),
              HasSubstr("message proto.A, field __proto__: in JavaScript"));
  Protoc protoc;
  protoc.add("a.proto", "message A { optional int32 n = 1; }", "syntax = \"proto2\"; package proto;\n");
  EXPECT_FALSE(protoc.run("language=js,module=game", {"a.proto"}));
  EXPECT_THAT(protoc.errors(), HasSubstr("a.proto:2: message proto.A: JavaScript is made of proto3 alone"));
}

TEST(MessageName, OfAKeywordIsThatOfProtobuf) {
  Protoc protoc;
  protoc.add("a.proto", "message class {}");
  ASSERT_TRUE(protoc.run("", {"a.proto"})) << protoc.errors();
  EXPECT_THAT(protoc.output("a.cellmesh.hpp"), AllOf(HasSubstr("<::proto::class_>"), HasSubstr("\"proto.class\"")));
}

}  // namespace
}  // namespace cm::test
