#include <gmock/gmock.h>

#include "protoc.hpp"

namespace cm::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Fault {
  std::string name;
  std::string field;
  std::string complaint;
};

void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

class Setting : public ::testing::TestWithParam<Fault> {};

TEST_P(Setting, IsRefused) {
  Protoc protoc;
  protoc.add("s.proto", "enum E { Z = 0; }\nmessage Other {}\nmessage S {\n  option (cellmesh.settings) = \"x\";\n  " +
                            GetParam().field + "\n}\n");
  EXPECT_FALSE(protoc.run("plugin=x", {"s.proto"}));
  EXPECT_THAT(protoc.errors(),
              AllOf(HasSubstr("s.proto:6: message proto.S, field f: "), HasSubstr(GetParam().complaint)));
}

INSTANTIATE_TEST_SUITE_P(
    ThatCannotWork, Setting,
    ::testing::Values(
        Fault{"OfAnEnumType", "E f = 1;", "change its type"},
        Fault{"OfAMessageType", "Other f = 1;", "change its type"},
        Fault{"ListOfTexts", "repeated string f = 1;", "change its type"},
        Fault{"ListOfBools", "repeated bool f = 1;", "change its type"},
        Fault{"ListWithABadNumber", "repeated int32 f = 1 [(cellmesh.setting) = { default: \"1, x, 3\" }];",
              "\"x\" is no int32"},
        Fault{"ListWithAGap", "repeated int32 f = 1 [(cellmesh.setting) = { default: \"1,,3\" }];", "\"\" is no int32"},
        Fault{"ListWithANumberOutOfRange", "repeated uint64 f = 1 [(cellmesh.setting) = { default: \"1, 9\" max: 8 }];",
              "default 9 is out"},
        Fault{"ListTooShort", "repeated int32 f = 1 [(cellmesh.setting) = { default: \"\" min_items: 1 }];",
              "has 0 numbers, not 1 to 1000"},
        Fault{"ListTooLong", "repeated int32 f = 1 [(cellmesh.setting) = { default: \"1,2,3\" max_items: 2 }];",
              "has 3 numbers, not 0 to 2"},
        Fault{"ListThatMayBeTooLong", "repeated int32 f = 1 [(cellmesh.setting) = { max_items: 1001 }];", "up to 1000"},
        Fault{"ListOfAtLeastMoreThanAtMost",
              "repeated int32 f = 1 [(cellmesh.setting) = { default: \"1\" min_items: 3 max_items: 2 }];",
              "the least not above the most"},
        Fault{"ItemsOfASingleNumber", "int32 f = 1 [(cellmesh.setting) = { max_items: 2 }];", "use min and max"},
        Fault{"OfBytes", "bytes f = 1;", "change its type"}, Fault{"OfFloat", "float f = 1;", "change its type"},
        Fault{"OfAMap", "map<string, string> f = 1;", "change its type"},
        Fault{"InAOneof", "oneof o { int32 f = 1; }", "take it out"},
        Fault{"DefaultIsNoNumber", "int32 f = 1 [(cellmesh.setting) = { default: \"ten\" }];", "\"ten\" is no int32"},
        Fault{"DefaultHasATail", "int32 f = 1 [(cellmesh.setting) = { default: \"10s\" }];", "\"10s\" is no int32"},
        Fault{"DefaultTooLargeForItsType", "int32 f = 1 [(cellmesh.setting) = { default: \"2147483648\" }];",
              "no int32"},
        Fault{"NegativeDefaultOfUnsigned", "uint32 f = 1 [(cellmesh.setting) = { default: \"-1\" }];", "no uint32"},
        Fault{"DefaultIsInfinite", "double f = 1 [(cellmesh.setting) = { default: \"inf\" }];", "no double"},
        Fault{"DefaultIsNoBool", "bool f = 1 [(cellmesh.setting) = { default: \"yes\" }];",
              "write \"true\" or \"false\""},
        Fault{"DefaultBelowMin", "int32 f = 1 [(cellmesh.setting) = { default: \"1\" min: 2 }];", "range, 2 to any"},
        Fault{"DefaultAboveMax", "double f = 1 [(cellmesh.setting) = { default: \"1.5\" max: 1 }];", "range, any to 1"},
        Fault{"NoDefaultAndZeroOutOfRange", "int32 f = 1 [(cellmesh.setting) = { min: 1 }];", "default 0 is out"},
        Fault{"MinAboveMax", "int32 f = 1 [(cellmesh.setting) = { default: \"3\" min: 5 max: 1 }];", "swap them"},
        Fault{"MinIsNan", "int32 f = 1 [(cellmesh.setting) = { default: \"3\" min: nan }];", "finite"},
        Fault{"RangeOfAString", "string f = 1 [(cellmesh.setting) = { max: 5 }];", "use choices"},
        Fault{"SecretNumber", "int32 f = 1 [(cellmesh.setting) = { secret: true }];", "a secret is a string"},
        Fault{"SecretChoice", "string f = 1 [(cellmesh.setting) = { default: \"a\" choices: \"a\" secret: true }];",
              "a secret is a string without choices"},
        Fault{"SecretWithADefault", "string f = 1 [(cellmesh.setting) = { default: \"hunter2\" secret: true }];",
              "everybody could read"},
        Fault{"UrlThatIsNoSecret", "string f = 1 [(cellmesh.setting) = { url: true }];", "add secret: true"},
        Fault{"RangeOfABool", "bool f = 1 [(cellmesh.setting) = { max: 1 }];", "remove them"},
        Fault{"ChoicesOfANumber", "int32 f = 1 [(cellmesh.setting) = { choices: \"1\" }];", "use min and max"},
        Fault{"DefaultNotAmongChoices", "string f = 1 [(cellmesh.setting) = { default: \"c\" choices: \"a\" }];",
              "not among its choices"}),
    [](const auto& param) { return param.param.name; });

TEST(Settings, AreNeverSent) {
  Protoc protoc;
  protoc.add("s.proto", "message S { option (cellmesh.settings) = \"x\"; option (cellmesh.id) = 3; }");
  EXPECT_FALSE(protoc.run("", {"s.proto"}));
  EXPECT_THAT(protoc.errors(), HasSubstr("never sent"));
}

TEST(State, IsNeverSent) {
  Protoc protoc;
  protoc.add("s.proto", "message S { option (cellmesh.state) = \"x\"; option (cellmesh.id) = 3; }");
  EXPECT_FALSE(protoc.run("", {"s.proto"}));
  EXPECT_THAT(protoc.errors(), HasSubstr("never sent"));
}

TEST(State, OfOneKindStandsInOneMessage) {
  Protoc protoc;
  protoc.add("s.proto",
             "message A { option (cellmesh.state) = \"x\"; }\n"
             "message B { option (cellmesh.state) = \"x\"; }");
  EXPECT_FALSE(protoc.run("", {"s.proto"}));
  EXPECT_THAT(protoc.errors(), AllOf(HasSubstr("s.proto:3: message proto.B"), HasSubstr("proto.A (s.proto:2)")));
}

TEST(State, IsNoSettings) {
  Protoc protoc;
  protoc.add("s.proto", "message S { option (cellmesh.state) = \"x\"; option (cellmesh.settings) = \"x\"; }");
  EXPECT_FALSE(protoc.run("", {"s.proto"}));
  EXPECT_THAT(protoc.errors(), HasSubstr("make two messages of it"));
}

TEST(Settings, OfOneKindStandInOneMessage) {
  Protoc protoc;
  protoc.add("s.proto",
             "message A { option (cellmesh.settings) = \"x\"; }\n"
             "message B { option (cellmesh.settings) = \"x\"; }");
  EXPECT_FALSE(protoc.run("", {"s.proto"}));
  EXPECT_THAT(protoc.errors(), AllOf(HasSubstr("s.proto:3: message proto.B"), HasSubstr("proto.A (s.proto:2)")));
}

TEST(Settings, NeedTheirMessageToBeOne) {
  Protoc protoc;
  protoc.add("s.proto", "message A { int32 f = 1 [(cellmesh.setting) = { default: \"1\" }]; }");
  EXPECT_FALSE(protoc.run("", {"s.proto"}));
  EXPECT_THAT(protoc.errors(), HasSubstr("option (cellmesh.settings)"));
}

}  // namespace
}  // namespace cm::test
