#include <gmock/gmock.h>

#include "protoc.hpp"

namespace cm::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(LiteClasses, DoNotKnowOfTheOptions) {
  Protoc protoc;
  protoc.add("a.proto", "message A { option (cellmesh.service) = \"x\"; option (cellmesh.route) = PASS; }");
  ASSERT_TRUE(protoc.run("runtime=lite", {"a.proto"})) << protoc.errors();
  EXPECT_THAT(protoc.output("a.pb.h"), AllOf(HasSubstr("MessageLite"), Not(HasSubstr("options.pb.h")),
                                             Not(HasSubstr("generated_message_reflection.h"))));
}

TEST(LiteClasses, KeepImportsThatTheyUse) {
  Protoc protoc;
  protoc.add("a.proto", "message A {}");
  protoc.add("b.proto", "import \"a.proto\"; import \"c.proto\"; message B { A a = 1; }");
  protoc.add("c.proto", "enum C { Z = 0; }");
  ASSERT_TRUE(protoc.run("runtime=lite", {"b.proto", "a.proto"})) << protoc.errors();
  EXPECT_THAT(protoc.output("b.pb.h"), AllOf(HasSubstr("#include \"a.pb.h\""), Not(HasSubstr("c.pb.h"))));
}

TEST(LiteClasses, KeepImportsThatTheyUseThroughAPublicOne) {
  Protoc protoc;
  protoc.add("a.proto", "message A {}");
  protoc.add("all.proto", "import public \"a.proto\"; import public \"cellmesh/options.proto\";",
             "syntax = \"proto3\";");
  protoc.add("b.proto", "import \"all.proto\"; message B { option (cellmesh.id) = 5; A a = 1; }");
  ASSERT_TRUE(protoc.run("runtime=lite", {"b.proto", "all.proto", "a.proto"})) << protoc.errors();
  EXPECT_THAT(protoc.output("b.pb.h"), HasSubstr("#include \"all.pb.h\""));
  EXPECT_THAT(protoc.output("all.pb.h"), AllOf(HasSubstr("#include \"a.pb.h\""), Not(HasSubstr("options.pb.h"))));
}

TEST(LiteClasses, LeaveOutOptionsOfOtherPeople) {
  Protoc protoc;
  protoc.add("mine.proto",
             "import \"google/protobuf/descriptor.proto\"; message Tag { string text = 1; }\n"
             "extend google.protobuf.FieldOptions { Tag tag = 60001; }");
  protoc.add("a.proto",
             "import \"mine.proto\"; message A { int32 x = 1 [(tag) = { text: \"hello\" }, deprecated = true]; }");
  ASSERT_TRUE(protoc.run("runtime=lite", {"a.proto", "mine.proto"})) << protoc.errors();
  EXPECT_THAT(protoc.output("a.pb.h"), AllOf(Not(HasSubstr("mine.pb.h")), HasSubstr("deprecated")));
  EXPECT_THAT(protoc.output("mine.pb.h"), AllOf(HasSubstr("class Tag"), Not(HasSubstr("descriptor.pb.h"))));
}

TEST(LiteClasses, ComeOfWellKnownTypesToo) {
  Protoc protoc;
  protoc.add("a.proto", "import \"google/protobuf/timestamp.proto\"; message A { google.protobuf.Timestamp at = 1; }");
  EXPECT_FALSE(protoc.run("runtime=lite", {"a.proto"}));
  EXPECT_THAT(protoc.errors(), HasSubstr("it imports google/protobuf/timestamp.proto"));
  ASSERT_TRUE(protoc.run("runtime=lite,plugin=x", {"a.proto", "google/protobuf/timestamp.proto"})) << protoc.errors();
  EXPECT_THAT(protoc.output("google/protobuf/timestamp.pb.h"), HasSubstr("MessageLite"));
  EXPECT_THAT(protoc.output("x.plugin.hpp"), HasSubstr("MessageList<\n    ::proto::A>;"));
}

TEST(FullClasses, KeepTheirReflection) {
  Protoc protoc;
  protoc.add("a.proto", "import \"google/protobuf/timestamp.proto\"; message A { google.protobuf.Timestamp at = 1; }");
  ASSERT_TRUE(protoc.run("runtime=full", {"a.proto"})) << protoc.errors();
  EXPECT_THAT(protoc.output("a.pb.h"),
              AllOf(HasSubstr("generated_message_reflection.h"), HasSubstr("google/protobuf/timestamp.pb.h"),
                    Not(HasSubstr("options.pb.h"))));
}

}  // namespace
}  // namespace cm::test
