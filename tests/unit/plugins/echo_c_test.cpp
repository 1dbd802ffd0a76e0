// The plugin in C: what it reads and writes by hand is what protobuf reads and writes.
#include <cellmesh/testkit.hpp>

#include <cellmesh/abi/message.h>
#include <cellmesh/abi/state.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace std::string_literals;
using cellmesh::Client;
using cellmesh::ServiceId;
using cellmesh::Status;
using cellmesh::test::Act;
using cellmesh::test::Did;
using cellmesh::test::Host;
using cellmesh::test::MemoryHost;
using cellmesh::test::SavedState;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;

proto::EchoCREQ request(const std::string& content) {
  proto::EchoCREQ req;
  req.set_content(content);
  return req;
}
std::string bytes(const std::string& content) { return request(content).SerializeAsString(); }

class EchoC : public testing::Test {
 protected:
  Status say(const std::string& content) { return host.deliver(request(content), ann); }
  cm_status say_bytes(std::string_view body) {
    return host.memory().deliver({0, 0, 0, ann.raw()}, cellmesh::MessageTraits<proto::EchoCREQ>::id, body);
  }
  // The one answer to what was said, and nothing else.
  proto::EchoCACK answer() {
    EXPECT_THAT(host.memory().acts(), ElementsAre(Field(&Act::did, Did::reply)));
    return host.one<proto::EchoCACK>(ann);
  }

  Host host{"echo_c#0@test"};
  Client ann = host.client();
};

TEST_F(EchoC, ContentComesBackWhateverItsLength) {
  for (const std::size_t size : {0U, 1U, 127U, 128U, 16'383U, 16'384U, 65'520U}) {
    const std::string content(size, 'x');
    ASSERT_EQ(say(content), Status::ok) << size;
    EXPECT_EQ(answer().content(), content) << size;
  }
}

TEST_F(EchoC, ContentOfAServiceComesBackThatNoClientCouldGet) {
  const ServiceId caller = host.up("game#0@test");
  const std::string content(4'000'000, 'x');
  const auto ask = host.ask(request(content), caller);
  ASSERT_EQ(ask.status, Status::ok);
  EXPECT_EQ(host.reply<proto::EchoCACK>(ask).content(), content);
  EXPECT_THAT(host.did(), IsEmpty());
}

TEST_F(EchoC, AnswersAreCountedPastOneByte) {
  for (std::uint64_t n = 1; n <= 300; ++n) {
    ASSERT_EQ(say("again"), Status::ok);
    ASSERT_EQ(answer().answered(), n);
  }
}

TEST_F(EchoC, WhatWasNotSentIsNotCounted) {
  const std::string most(CM_MAX_CLIENT_BODY - 4, 'x');
  ASSERT_EQ(bytes(most).size(), CM_MAX_CLIENT_BODY);  // its answer has the count besides
  EXPECT_EQ(say(most), Status::refused);
  host.refuse(Did::reply, Status::too_large);
  EXPECT_EQ(say("too much"), Status::refused);
  host.refuse(Did::reply, Status::not_found);
  EXPECT_EQ(say("gone"), Status::ok);
  host.refuse(Did::reply, Status::ok);
  host.down("agent#0@test");
  EXPECT_EQ(say("gone with its agent"), Status::ok);
  host.up("agent#0@test");
  EXPECT_THAT(host.sent<proto::EchoCACK>(), IsEmpty());
  host.clear();
  EXPECT_EQ(say("here"), Status::ok);
  EXPECT_EQ(answer().answered(), 1U);
}

TEST_F(EchoC, FieldsItDoesNotKnowAreSkippedAndTheLastContentCounts) {
  const auto varint = "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s;
  const auto fixed = "\x21"s + std::string(8, '\xff') + "\x2d"s + std::string(4, '\xff');
  const auto of_another_type = "\x08\x05"s;
  ASSERT_EQ(say_bytes(varint + bytes("first") + fixed + "\x32\x03two"s + bytes("last") + of_another_type), CM_OK);
  EXPECT_EQ(answer().content(), "last");
}

TEST_F(EchoC, MalformedBodiesAreRefused) {
  const std::vector<std::pair<const char*, std::string>> bad{
      {"no length", "\x0a"s},
      {"cut content", "\x0a\x05hell"s},
      {"longer than anything", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s},
      {"cut key", "\x80"s},
      {"endless key", std::string(11, '\x80')},
      {"field 0", "\x02\x00"s},
      {"start of a group", "\x0b"s},
      {"end of a group", "\x0c"s},
      {"wire type 6", "\x0e"s},
      {"wire type 7", "\x0f"s},
      {"cut 64 bits", "\x09\x01\x02\x03\x04\x05\x06\x07"s},
      {"cut 32 bits", "\x0d\x01"s},
      {"no number", "\x08"s},
  };
  for (const auto& [what, body] : bad) EXPECT_EQ(say_bytes(body), CM_BAD_MESSAGE) << what;
  EXPECT_THAT(host.did(), IsEmpty());
}

TEST_F(EchoC, EveryCutOfABodyIsRefusedOrWhole) {
  const std::string whole = bytes("first") + bytes("second");
  const std::size_t first = bytes("first").size();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = std::make_unique<char[]>(size);  // of this size, so that a sanitizer sees who reads on
    std::copy_n(whole.begin(), size, cut.get());
    EXPECT_EQ(say_bytes({cut.get(), size}), size == 0 || size == first ? CM_OK : CM_BAD_MESSAGE) << size;
  }
}

TEST_F(EchoC, OtherMessagesAreNotHandled) { EXPECT_EQ(host.deliver(proto::EchoCACK(), ann), Status::unhandled); }

TEST_F(EchoC, NextGenerationGoesOnCounting) {
  ASSERT_EQ(say("before"), Status::ok);
  EXPECT_EQ(answer().answered(), 1U);
  host.reload();
  ASSERT_EQ(say("after"), Status::ok);
  EXPECT_EQ(answer().answered(), 2U);
}

TEST_F(EchoC, HasNoHandlersAndNoExtensionsButItsState) {
  const auto* state = static_cast<const cm_plugin_state*>(host.memory().extension(CM_EXT_STATE));
  ASSERT_NE(state, nullptr);
  EXPECT_EQ(state->has_handler(host.memory().instance(), CM_HANDLER_TIMER, "on_tick"), 0);
  EXPECT_EQ(host.memory().extension("cellmesh.unknown/9"), nullptr);
}

const cm_service_kind& kind() { return *cellmesh_plugin.kinds[0]; }

TEST(EchoCState, IsWhatProtobufReadsAndWrites) {
  for (const std::uint64_t answered : {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128}, ~std::uint64_t{0}}) {
    proto::EchoCState message;
    message.set_answered(answered);
    MemoryHost next(kind());
    ASSERT_TRUE(next.create());
    EXPECT_EQ(next.load({message.SerializeAsString() + "\x12\x03new", "1.0.0", {}}), CM_OK);
    SavedState saved;
    EXPECT_EQ(next.save(saved), CM_OK);
    ASSERT_TRUE(message.ParseFromString(saved.message));
    EXPECT_EQ(message.answered(), answered);
  }
}

TEST(EchoCState, MalformedIsRefused) {
  MemoryHost next(kind());
  ASSERT_TRUE(next.create());
  EXPECT_EQ(next.load({"\x08", "1.0.0", {}}), CM_BAD_MESSAGE);
}

TEST(EchoCWithout, MessagesIsNotMade) {
  MemoryHost host(kind(), {.missing = {CM_EXT_MESSAGE}});
  EXPECT_FALSE(host.create());
}

}  // namespace
