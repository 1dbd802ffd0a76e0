#include "net/frame.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "fuzz/frame_decoder_check.hpp"
#include "net/frame_reader.hpp"
#include "support/fake_transport.hpp"

namespace cm::net {
namespace {

using test::bytes_of;
using test::wire_frame;

TEST(Frame, IsLittleEndianLengthThenIdThenBody) {
  EXPECT_EQ(wire_frame(0x1234, "ab"), bytes_of(std::string_view("\x04\x00\x34\x12"
                                                                "ab",
                                                                6)));
  const auto bytes = wire_frame(0x1234, "ab");
  const Decoded d = decode_frame(bytes, kMaxFrameBody);
  EXPECT_EQ(d.status, Decoded::Status::complete);
  EXPECT_EQ(d.id, 0x1234);
  EXPECT_EQ(d.body.size(), 2U);
  EXPECT_EQ(d.size, 6U);
}

TEST(Frame, AnEmptyBodyIsAFrame) {
  EXPECT_EQ(decode_frame(wire_frame(7), kMaxFrameBody).status, Decoded::Status::complete);
  EXPECT_EQ(decode_frame(wire_frame(7), 0).status, Decoded::Status::complete);
}

TEST(Frame, TheLargestIsAFrame) {
  const auto bytes = wire_frame(7, std::string(kMaxFrameBody, 'x'));
  EXPECT_EQ(bytes.size(), 65'537U);
  EXPECT_EQ(decode_frame(bytes, kMaxFrameBody).body.size(), kMaxFrameBody);
}

TEST(Frame, LengthsZeroAndOneAreMalformed) {
  EXPECT_EQ(decode_frame(bytes_of({"\0\0", 2}), 100).status, Decoded::Status::malformed);
  EXPECT_EQ(decode_frame(bytes_of({"\1\0x", 3}), 100).status, Decoded::Status::malformed);
}

TEST(Frame, OneThatIsTooLargeIsKnownByItsLength) {
  const auto bytes = wire_frame(7, std::string(101, 'x'));
  const Decoded d = decode_frame(std::span(bytes).first(2), 100);
  EXPECT_EQ(d.status, Decoded::Status::too_large);
  EXPECT_EQ(d.id, 0);
  EXPECT_EQ(decode_frame(std::span(bytes).first(4), 100).id, 7);
}

TEST(Frame, ATruncatedOneSaysHowMuchItNeeds) {
  const auto bytes = wire_frame(7, "body");
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const Decoded d = decode_frame(std::span(bytes).first(n), 100);
    EXPECT_EQ(d.status, Decoded::Status::incomplete);
    EXPECT_EQ(d.size, n < 2 ? 0U : 8U);
  }
}

TEST(Frame, TheExtendedFormIsTakenOnlyWhereLargerBodiesAre) {
  constexpr std::size_t kBody = 100'000;
  std::vector<std::byte> bytes(kExtendedLength + 2 + kBody);
  encode_extended_length(bytes.data(), 2 + kBody);
  bytes[kExtendedLength] = std::byte{7};
  EXPECT_EQ(decode_frame(bytes, kMaxFrameBody).status, Decoded::Status::malformed);
  const Decoded d = decode_frame(bytes, kBody);
  EXPECT_EQ(d.status, Decoded::Status::complete);
  EXPECT_EQ(d.id, 7);
  EXPECT_EQ(d.body.size(), kBody);
  EXPECT_EQ(d.size, bytes.size());
  EXPECT_EQ(decode_frame(bytes, kBody - 1).status, Decoded::Status::too_large);
  for (std::size_t size = 0; size < bytes.size(); size += size < 20 ? 1 : 999) {
    EXPECT_EQ(decode_frame(std::span(bytes).first(size), kBody).status, Decoded::Status::incomplete) << size;
  }
}

TEST(FrameReader, FramesOfBothFormsComeInOrder) {
  constexpr std::size_t kBody = 200'000;
  std::vector<std::byte> bytes = wire_frame(1, "one");
  const std::size_t at = bytes.size();
  bytes.resize(at + kExtendedLength + 2 + kBody);
  encode_extended_length(bytes.data() + at, 2 + kBody);
  bytes[at + kExtendedLength] = std::byte{2};
  const auto last = wire_frame(3, "three");
  bytes.insert(bytes.end(), last.begin(), last.end());
  for (const std::size_t step : {1'000UL, 60'000UL, bytes.size()}) {
    BufferPool pool;
    FrameReader reader;
    std::vector<std::byte> scratch(FrameReader::kCopy + FrameReader::kRead);
    std::vector<std::pair<int, std::size_t>> got;
    for (std::size_t i = 0; i < bytes.size();) {
      const auto window = reader.begin(pool, scratch, kMaxExtendedBody);
      const std::size_t size = std::min({step, bytes.size() - i, window.space.size()});
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(i), size, window.space.begin());
      i += size;
      EXPECT_EQ(reader.end(pool, window, size, kMaxExtendedBody,
                           [&](std::uint16_t id, std::span<const std::byte> body) {
                             got.emplace_back(id, body.size());
                             return FrameReader::Taken::yes;
                           }),
                FrameReader::Status::more);
    }
    EXPECT_EQ(got, (std::vector<std::pair<int, std::size_t>>{{1, 3}, {2, kBody}, {3, 5}})) << step;
  }
}

TEST(FrameReader, ALargeFrameInSmallPiecesIsReadIntoItsPlace) {
  BufferPool pool;
  FrameReader reader;
  std::vector<std::byte> scratch(FrameReader::kCopy + FrameReader::kRead);
  const auto bytes = wire_frame(7, std::string(60'000, 'x'));
  std::size_t frames = 0;
  const auto take = [&](std::uint16_t, std::span<const std::byte>) {
    ++frames;
    return FrameReader::Taken::yes;
  };
  std::size_t copied = 0;
  for (const std::byte byte : bytes) {
    const auto window = reader.begin(pool, scratch, net::kMaxFrameBody);
    if (!window.all.empty()) copied += window.all.size() - window.space.size();
    window.space[0] = byte;
    EXPECT_EQ(reader.end(pool, window, 1, kMaxFrameBody, take), FrameReader::Status::more);
  }
  EXPECT_EQ(frames, 1U);
  EXPECT_EQ(reader.kept(), 0U);
  EXPECT_LE(copied, FrameReader::kCopy * FrameReader::kCopy);
}

TEST(FrameReader, AStreamCutAnywhereGivesTheSameFrames) {
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::byte> input(10);
    for (auto& byte : input) byte = static_cast<std::byte>(random());
    const std::size_t frames = random() % 12;
    for (std::size_t i = 0; i < frames; ++i) {
      const std::size_t size = random() % 4 == 0 ? random() % 65'534 : random() % 300;
      const auto frame =
          wire_frame(static_cast<std::uint16_t>(random()), std::string(size, static_cast<char>(random())));
      input.insert(input.end(), frame.begin(), frame.end());
    }
    if (random() % 3 == 0) input.resize(10 + (input.size() - 10) / 2);  // truncated
    if (random() % 3 == 0 && input.size() > 10)
      input[10 + random() % (input.size() - 10)] ^= static_cast<std::byte>(random());
    fuzz::check_frame_decoder(input);
  }
}

TEST(FrameReader, RandomBytesHarmNobody) {
  std::mt19937 random(2);
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::byte> input(random() % 2000);
    for (auto& byte : input) byte = static_cast<std::byte>(random() % 4 == 0 ? random() : 0);
    fuzz::check_frame_decoder(input);
  }
}

}  // namespace
}  // namespace cm::net
