// The plugin in C: what it reads and writes by hand is what protobuf reads and writes.
#include <cellmesh/abi/state.h>

#include <algorithm>
#include <memory>

#include "echo_c.cellmesh.hpp"
#include "unit/plugins/loaded.hpp"

namespace cm::test {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class EchoC : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(echo.start(), CM_OK); }

  cm_status say(const std::string& body) { return echo.message({0, 0, 0, {9, 0, 41}}, id_of<proto::EchoCREQ>, body); }
  static std::string request(const std::string& content) {
    proto::EchoCREQ req;
    req.set_content(content);
    return req.SerializeAsString();
  }
  // The one answer to what was said.
  proto::EchoCACK answer() {
    const auto asked = host.take();
    EXPECT_THAT(words(asked), ElementsAre("reply"));
    return asked.size() == 1 ? parsed<proto::EchoCACK>(asked[0]) : proto::EchoCACK();
  }

  FakeHost host{"echo_c#0@test"};
  Running echo{kind_of("echo_c"), host};
};

TEST_F(EchoC, ContentComesBackWhateverItsLength) {
  for (const std::size_t size : {0U, 1U, 127U, 128U, 16'383U, 16'384U, 65'520U, 4'000'000U}) {
    const std::string content(size, 'x');
    ASSERT_EQ(say(request(content)), CM_OK) << size;
    EXPECT_EQ(answer().content(), content) << size;
  }
}

TEST_F(EchoC, AnswersAreCountedPastOneByte) {
  for (std::uint64_t n = 1; n <= 300; ++n) {
    ASSERT_EQ(say(request("again")), CM_OK);
    ASSERT_EQ(answer().answered(), n);
  }
}

TEST_F(EchoC, WhatWasNotSentIsNotCounted) {
  host.answer = [](const Asked&) { return CM_TOO_LARGE; };
  EXPECT_EQ(say(request("too much")), CM_REFUSED);
  host.answer = [](const Asked&) { return CM_NOT_FOUND; };
  EXPECT_EQ(say(request("gone")), CM_OK);
  host.answer = nullptr;
  host.take();
  EXPECT_EQ(say(request("here")), CM_OK);
  EXPECT_EQ(answer().answered(), 1U);
}

TEST_F(EchoC, FieldsItDoesNotKnowAreSkippedAndTheLastContentCounts) {
  const auto varint = "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s;
  const auto fixed = "\x21"s + std::string(8, '\xff') + "\x2d"s + std::string(4, '\xff');
  const auto of_another_type = "\x08\x05"s;
  ASSERT_EQ(say(varint + request("first") + fixed + "\x32\x03two"s + request("last") + of_another_type), CM_OK);
  EXPECT_EQ(answer().content(), "last");
}

TEST_F(EchoC, MalformedBodiesAreRefused) {
  const std::vector<std::string> bad{"\x0a"s,  // no length
                                     "\x0a\x05"
                                     "hell"s,                                          // cut
                                     "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,  // longer than anything
                                     "\x80"s,                                          // an endless key
                                     std::string(11, '\x80'),                          //
                                     "\x02\x00"s,                                      // field 0
                                     "\x0b"s,
                                     "\x0c"s,
                                     "\x0e"s,
                                     "\x0f"s,  // groups, and wire types that are none
                                     "\x09\x01\x02\x03\x04\x05\x06\x07"s,
                                     "\x0d\x01"s,  // cut numbers
                                     "\x08"s};
  for (const auto& body : bad) EXPECT_EQ(say(body), CM_BAD_MESSAGE) << testing::PrintToString(body);
  EXPECT_THAT(host.take(), IsEmpty());
}

TEST_F(EchoC, EveryCutOfABodyIsRefusedOrWhole) {
  const auto& kind = kind_of("echo_c");
  void* self = kind.create(host.abi());
  ASSERT_NE(self, nullptr);
  const std::string whole = request("first") + request("second");
  const std::size_t first = request("first").size();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = std::make_unique<std::uint8_t[]>(size);  // of this size, so that a sanitizer sees who reads on
    std::copy_n(whole.begin(), size, cut.get());
    const cm_message message{sizeof(cm_message), id_of<proto::EchoCREQ>, 0, {}, cut.get(), size};
    EXPECT_EQ(kind.on_message(self, &message), size == 0 || size == first ? CM_OK : CM_BAD_MESSAGE) << size;
  }
  kind.destroy(self);
}

// What the service hands over, as `write` gives it.
std::string saved(const cm_plugin_state& state, void* self) {
  std::string bytes;
  cm_state_sink sink{sizeof sink, 0, &bytes,
                     [](cm_state_sink* to, const std::uint8_t* data, std::size_t size) -> cm_status {
                       static_cast<std::string*>(to->host_data)->append(reinterpret_cast<const char*>(data), size);
                       return CM_OK;
                     },
                     nullptr};
  EXPECT_EQ(state.save(self, &sink), CM_OK);
  return bytes;
}

cm_status load(const cm_plugin_state& state, void* self, const std::string& bytes) {
  const cm_saved_state from{sizeof from, 0, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), "1.0.0"};
  return state.load(self, &from);
}

TEST(EchoCState, IsWhatProtobufReadsAndTheNextGenerationGoesOnFrom) {
  const auto& kind = kind_of("echo_c");
  FakeHost host("echo_c#0@test");
  void* self = kind.create(host.abi());
  const auto& state = *static_cast<const cm_plugin_state*>(kind.get_extension(self, CM_EXT_STATE));
  for (const std::uint64_t answered : {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128}, ~std::uint64_t{0}}) {
    proto::EchoCState message;
    message.set_answered(answered);
    EXPECT_EQ(load(state, self, message.SerializeAsString() + "\x12\x03new"), CM_OK);
    EXPECT_TRUE(message.ParseFromString(saved(state, self)));
    EXPECT_EQ(message.answered(), answered);
  }
  EXPECT_EQ(load(state, self, "\x08"), CM_BAD_MESSAGE);
  EXPECT_EQ(state.has_handler(self, CM_HANDLER_TIMER, "on_tick"), 0);
  EXPECT_EQ(kind.get_extension(self, "cellmesh.unknown/9"), nullptr);
  kind.destroy(self);
}

TEST_F(EchoC, OtherMessagesAreNotHandled) { EXPECT_EQ(echo.message({}, id_of<proto::EchoCACK>, ""), CM_UNHANDLED); }

TEST(EchoCWithout, MessagesIsNotMade) {
  FakeHost host("echo_c#0@test");
  host.missing = {CM_EXT_MESSAGE};
  EXPECT_FALSE(Running(kind_of("echo_c"), host).created());
}

}  // namespace
}  // namespace cm::test
