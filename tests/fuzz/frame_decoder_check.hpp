#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

#include "net/frame_reader.hpp"

namespace cm::fuzz {

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "frame decoder: %s\n", what);
  std::abort();
}

struct Cut {
  std::vector<std::vector<std::byte>> frames;
  net::FrameReader::Status end = net::FrameReader::Status::more;
};

// What the stream holds, decoded in one piece, frame by frame.
inline Cut decode_whole(std::span<const std::byte> stream, std::size_t max_body) {
  Cut cut;
  while (true) {
    const net::Decoded d = net::decode_frame(stream, max_body);
    switch (d.status) {
      case net::Decoded::Status::incomplete:
        require(d.size == 0 || d.size > stream.size(), "an incomplete frame is all there");
        return cut;
      case net::Decoded::Status::malformed:
        cut.end = net::FrameReader::Status::malformed;
        return cut;
      case net::Decoded::Status::too_large:
        require(d.size > net::kFrameHeader + max_body, "a frame within the limit is too large");
        cut.end = net::FrameReader::Status::too_large;
        return cut;
      case net::Decoded::Status::complete:
        break;
    }
    require(d.size <= stream.size() && d.size == net::kFrameHeader + d.body.size(), "a frame's size is wrong");
    require(d.body.size() <= max_body, "a frame is over the limit");
    std::vector<std::byte> again(d.size);
    net::encode_frame(again.data(), d.id, d.body);
    require(std::equal(again.begin(), again.end(), stream.begin()), "a frame is not what was sent");
    cut.frames.push_back(std::move(again));
    stream = stream.subspan(d.size);
  }
}

// The same through a FrameReader, as a session reads: in pieces, with frames that are not taken at first, with a pause
// after some.
inline Cut decode_in_pieces(std::span<const std::byte> stream, std::size_t max_body,
                            std::span<const std::byte> choices) {
  using Reader = net::FrameReader;
  Cut cut;
  net::BufferPool pool;
  Reader reader;
  std::vector<std::byte> scratch(Reader::kCopy + Reader::kRead);
  std::size_t chosen = 0;
  const auto choose = [&] {
    return choices.empty() ? 0U : std::to_integer<unsigned>(choices[chosen++ % choices.size()]);
  };
  bool refused = false;  // the next take is of the same frame
  const auto take = [&](std::uint16_t id, std::span<const std::byte> body) {
    if (!refused && choose() % 5 == 0) {
      refused = true;
      return Reader::Taken::no;
    }
    refused = false;
    std::vector<std::byte> frame(net::kFrameHeader + body.size());
    net::encode_frame(frame.data(), id, body);
    cut.frames.push_back(std::move(frame));
    return choose() % 7 == 0 ? Reader::Taken::yes_and_stop : Reader::Taken::yes;
  };

  while (cut.end == Reader::Status::more && !stream.empty()) {
    const auto window = reader.begin(pool, scratch, net::kMaxFrameBody);
    require(!window.space.empty(), "there is no space to read to");
    const std::size_t wanted = choose() % 3 == 0 ? 1 + choose() : std::size_t{1} << (choose() % 18U);
    const std::size_t size = std::min({wanted, stream.size(), window.space.size()});
    std::copy_n(stream.begin(), size, window.space.begin());
    stream = stream.subspan(size);
    if (choose() % 11 == 0) {
      reader.keep(pool, window, size);
      cut.end = reader.resume(pool, max_body, take);
    } else {
      cut.end = reader.end(pool, window, size, max_body, take);
    }
    while (cut.end == Reader::Status::stopped) cut.end = reader.resume(pool, max_body, take);
    require(reader.kept() <= net::kMaxFrame + Reader::kRead, "more is kept than a frame and a read");
  }
  reader.release(pool);
  return cut;
}

// Aborts when the decoder breaks a rule. The first bytes choose the limit and the pieces, the rest is the stream.
inline void check_frame_decoder(std::span<const std::byte> input) {
  constexpr std::size_t kHead = 10;
  if (input.size() < kHead) return;
  constexpr std::array<std::size_t, 4> kLimits{net::kMaxFrameBody, 0, 100, 5000};
  const std::size_t max_body = kLimits[std::to_integer<std::size_t>(input[0]) % kLimits.size()];
  const auto stream = input.subspan(kHead);
  const Cut whole = decode_whole(stream, max_body);
  const Cut pieces = decode_in_pieces(stream, max_body, input.subspan(1, kHead - 1));
  require(whole.end == pieces.end, "pieces end otherwise than the whole");
  require(whole.frames == pieces.frames, "pieces hold other frames than the whole");
}

}  // namespace cm::fuzz
