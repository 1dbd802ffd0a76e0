// The parts of a link, without io.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <tuple>

#include "mesh/clients_seen.hpp"
#include "mesh/envelope_store.hpp"
#include "mesh/frame_reader.hpp"
#include "mesh/out_stream.hpp"
#include "mesh/peer_refs.hpp"
#include "mesh/sender.hpp"
#include "mesh/wire.hpp"

namespace cm::mesh {
namespace {

using routing::ClientId;
using routing::Envelope;
using routing::Kind;
using routing::ServiceRef;

std::string random_text(std::minstd_rand& random, std::size_t size) {
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}
std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

// Sends up to `most` bytes of what waits; returns them.
std::string drain(OutStream& stream, std::size_t most) {
  std::array<iovec, 3> parts;
  std::string out;
  const std::size_t count = stream.gather(parts);
  for (std::size_t i = 0; i < count && out.size() < most; ++i) {
    out.append(static_cast<const char*>(parts[i].iov_base), std::min(parts[i].iov_len, most - out.size()));
  }
  stream.on_sent(out.size());
  return out;
}

std::string frame_of(const std::string& payload) {
  std::string frame(kFrameHead, '\0');
  encode_frame_head(reinterpret_cast<std::byte*>(frame.data()), FrameType::ping, payload.size());
  return frame + payload;
}

TEST(OutStream, SendsAndResendsTheSameBytes) {
  std::minstd_rand random{1};
  OutStream stream;
  std::string all;                     // ever appended
  std::string peer;                    // what the other side has
  std::vector<std::uint64_t> ends{0};  // of frames
  std::uint64_t acked = 0;
  const auto some_end = [&] {  // of a frame that the peer has
    const auto from = std::lower_bound(ends.begin(), ends.end(), acked);
    const auto to = std::upper_bound(ends.begin(), ends.end(), peer.size());
    return from[static_cast<std::ptrdiff_t>(random() % static_cast<unsigned>(to - from))];
  };
  for (int i = 0; i < 5000; ++i) {
    const std::string more = frame_of(random_text(random, random() % (i % 100 == 0 ? 200'000 : 500)));
    stream.append(bytes_of(more));
    all += more;
    ends.push_back(all.size());
    peer += drain(stream, random() % 100'000);
    if (random() % 3 == 0) {
      acked = some_end();
      ASSERT_TRUE(stream.on_acked(acked));
    }
    if (random() % 50 == 0) {  // a break: some of what was sent is lost
      const std::uint64_t got = some_end();
      peer.resize(got);
      ASSERT_TRUE(stream.resume_at(got));
      acked = got;
    }
    ASSERT_EQ(stream.size(), all.size() - acked);
  }
  while (stream.unsent() > 0) peer += drain(stream, 1U << 20U);
  EXPECT_TRUE(peer == all);
  EXPECT_TRUE(stream.on_acked(all.size()));
  EXPECT_EQ(stream.size(), 0U);
}

TEST(OutStream, TakesOffsetsAtFrameEndsOnly) {
  const std::vector<std::size_t> sizes{0, 1, 100, OutStream::kChunk - 3, 7, 3 * OutStream::kChunk, 2};
  OutStream stream;
  std::vector<std::uint64_t> ends{0};
  for (const auto size : sizes) {
    const std::string frame = frame_of(std::string(size, '\0'));  // as a length, what is in it would end at once
    stream.append(bytes_of(frame));
    ends.push_back(ends.back() + frame.size());
  }
  while (stream.unsent() > 0) (void)drain(stream, 1U << 20U);
  for (const auto end : ends) {
    for (const std::uint64_t wrong : {end - 1, end + 1, end + 3, end + 4}) {
      const bool is_end = std::find(ends.begin(), ends.end(), wrong) != ends.end();
      ASSERT_EQ(stream.can_resume_at(wrong), is_end && wrong >= end) << wrong;
      if (!is_end) {
        ASSERT_FALSE(stream.on_acked(wrong)) << wrong;
        ASSERT_FALSE(stream.resume_at(wrong)) << wrong;
      }
    }
    ASSERT_TRUE(stream.on_acked(end)) << end;
    std::size_t frames = 0;
    stream.for_each_frame([&](std::span<const std::byte>, bool) { ++frames; });
    ASSERT_EQ(frames, static_cast<std::size_t>(ends.end() - std::find(ends.begin(), ends.end(), end)) - 1);
  }
}

TEST(OutStream, RefusesOffsetsThatCannotBe) {
  const std::string frame = frame_of(std::string(15, 'x'));  // 20 bytes
  OutStream stream;
  for (int i = 0; i < 5; ++i) stream.append(bytes_of(frame));
  EXPECT_FALSE(stream.on_acked(20));  // not sent
  (void)drain(stream, 50);
  EXPECT_TRUE(stream.on_acked(20));
  EXPECT_FALSE(stream.on_acked(0));
  EXPECT_FALSE(stream.resume_at(60));  // sent in part
  EXPECT_FALSE(stream.resume_at(0xFFFF'FFFF'FFFF'FFFF));
  EXPECT_TRUE(stream.resume_at(20));
  EXPECT_TRUE(stream.can_resume_at(40));  // it was sent once
}

TEST(FrameReader, CutsAnyReadsIntoTheSameFrames) {
  std::minstd_rand random{2};
  std::string wire;
  std::vector<std::string> sent;
  for (int i = 0; i < 300; ++i) {
    const std::size_t size = i % 50 == 0 ? random() % 1'000'000 : random() % (i % 7 == 0 ? 70'000 : 100);
    sent.push_back(random_text(random, size));
    std::string head(kFrameHead, '\0');
    encode_frame_head(reinterpret_cast<std::byte*>(head.data()), FrameType::ping, size);
    wire += head + sent.back();
  }
  for (const std::size_t most : {std::size_t{7}, std::size_t{1000}, std::size_t{1U << 20U}}) {
    FrameReader reader;
    std::vector<std::byte> shared(256U << 10U);
    std::size_t at = 0;
    std::size_t count = 0;
    while (at < wire.size()) {
      const auto space = reader.prepare(shared);
      ASSERT_FALSE(space.empty());
      const std::size_t size = std::min({space.size(), wire.size() - at, 1 + random() % most});
      std::memcpy(space.data(), wire.data() + at, size);
      at += size;
      reader.commit(size);
      while (const auto frame = reader.next()) {
        ASSERT_LT(count, sent.size());
        ASSERT_EQ(frame->type, FrameType::ping);
        ASSERT_TRUE(std::memcmp(frame->payload.data(), sent[count].data(), sent[count].size()) == 0);
        ASSERT_EQ(frame->payload.size(), sent[count].size());
        ++count;
      }
      ASSERT_FALSE(reader.bad());
      reader.keep();
    }
    EXPECT_EQ(count, sent.size());
  }
}

TEST(FrameReader, ALengthThatNoFrameHasIsBad) {
  for (const std::uint32_t length : {0U, static_cast<std::uint32_t>(kMaxFrame - 3), 0xFFFF'FFFFU}) {
    FrameReader reader;
    std::vector<std::byte> shared(1024);
    put_u32(reader.prepare(shared).data(), length);
    reader.commit(4);
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.bad());
  }
}

TEST(FrameReader, TakesMemoryForALargeFrameAsItComes) {
  FrameReader reader;
  std::vector<std::byte> shared(256U << 10U);
  put_u32(reader.prepare(shared).data(), static_cast<std::uint32_t>(kMaxFrame - 4));
  reader.commit(4);
  EXPECT_FALSE(reader.next());
  reader.keep();
  std::size_t have = 4;
  while (have < kMaxFrame) {
    const auto space = reader.prepare(shared);
    ASSERT_LE(space.size(), std::max<std::size_t>(have, 64U << 10U));
    have += space.size();
    reader.commit(space.size());
    ASSERT_EQ(reader.next().has_value(), have == kMaxFrame);
    reader.keep();
  }
  EXPECT_EQ(have, kMaxFrame);
  EXPECT_FALSE(reader.bad());
}

TEST(FrameReader, HasTheLimitItWasGiven) {
  FrameReader reader(100);
  std::vector<std::byte> shared(1024);
  put_u32(reader.prepare(shared).data(), 97);
  reader.commit(4);
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(reader.bad());
}

TEST(ClientsSeen, IsASetOfPairs) {
  std::minstd_rand random{3};
  ClientsSeen seen;
  std::set<std::tuple<std::uint32_t, std::uint64_t, std::uint32_t>> truth;
  for (int i = 0; i < 200'000; ++i) {
    const auto agent = 1 + static_cast<std::uint32_t>(random() % 3);
    const std::uint64_t session = random() % 2000;
    const auto service = 1 + static_cast<std::uint32_t>(random() % 4);
    const ClientId client{static_cast<ServiceRef>(agent), session};
    if (random() % 2 == 0) {
      ASSERT_TRUE(seen.add(client, static_cast<ServiceRef>(service)));
      truth.emplace(agent, session, service);
    } else if (random() % 4 == 0) {
      ASSERT_EQ(seen.contains(client, static_cast<ServiceRef>(service)), truth.contains({agent, session, service}));
    } else {
      ASSERT_EQ(seen.erase(client, static_cast<ServiceRef>(service)), truth.erase({agent, session, service}) == 1);
    }
    ASSERT_EQ(seen.size(), truth.size());
  }
  const auto taken = seen.take_if([](const auto& pair) { return pair.client.agent == static_cast<ServiceRef>(2); });
  std::size_t expected = 0;
  for (const auto& [agent, session, service] : truth) expected += agent == 2 ? 1U : 0U;
  EXPECT_EQ(taken.size(), expected);
  EXPECT_EQ(seen.size(), truth.size() - expected);
  for (const auto& [agent, session, service] : truth) {
    EXPECT_EQ(seen.erase({static_cast<ServiceRef>(agent), session}, static_cast<ServiceRef>(service)), agent != 2);
  }
  EXPECT_EQ(seen.size(), 0U);
}

TEST(ClientsSeen, HasALimit) {
  ClientsSeen seen;
  const auto service = static_cast<ServiceRef>(1);
  for (std::uint64_t i = 0; i < ClientsSeen::kMost; ++i) ASSERT_TRUE(seen.add({service, i}, service));
  EXPECT_FALSE(seen.add({service, ClientsSeen::kMost}, service));
  EXPECT_TRUE(seen.add({service, 0}, service));
}

TEST(EnvelopeStore, IsFirstInFirstOut) {
  std::minstd_rand random{4};
  EnvelopeStore store;
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  for (int i = 0; i < 20'000; ++i) {
    if (random() % 100 < (i % 2000 < 1000 ? 60U : 40U)) {
      const std::string body = std::to_string(in) + std::string(random() % 100, ' ');
      Envelope e;
      e.call = in++;
      e.body = bytes_of(body);
      store.push(e);
    } else if (!store.empty()) {
      const Envelope e = store.front();
      ASSERT_EQ(e.call, out);
      ASSERT_EQ(std::stoull(std::string(reinterpret_cast<const char*>(e.body.data()), e.body.size())), out);
      store.pop();
      ++out;
    }
    ASSERT_EQ(store.count(), in - out);
    ASSERT_EQ(store.bytes() == 0, store.empty());
  }
}

TEST(Wire, AnEnvelopeComesBackAsItWas) {
  const std::string body = "body";
  Envelope e;
  e.kind = Kind::close_clients;
  e.msg_id = 65'535;
  e.status = -1;
  e.to = static_cast<ServiceRef>(0x01020304);
  e.from = static_cast<ServiceRef>(0x05060708);
  e.client = {static_cast<ServiceRef>(0x090A0B0C), 0x0D0E0F1011121314ULL};
  e.call = 0x15161718191A1B1CULL;
  e.body = bytes_of(body);
  std::vector<std::byte> frame(kFrameHead + kEnvelopeHead);
  encode_envelope(frame.data(), e);
  EXPECT_EQ(get_u32(frame.data()), 1 + kEnvelopeHead + body.size());
  frame.insert(frame.end(), e.body.begin(), e.body.end());
  const auto back = decode_envelope(std::span(frame).subspan(kFrameHead));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->kind, e.kind);
  EXPECT_EQ(back->msg_id, e.msg_id);
  EXPECT_EQ(back->status, e.status);
  EXPECT_EQ(back->to, e.to);
  EXPECT_EQ(back->from, e.from);
  EXPECT_EQ(back->client, e.client);
  EXPECT_EQ(back->call, e.call);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(back->body.data()), back->body.size()), body);
  EXPECT_FALSE(decode_envelope(std::span(frame).subspan(kFrameHead, kEnvelopeHead - 1)));
}

TEST(Wire, EveryKindIsEitherOfTheLinksOrRefused) {
  for (unsigned kind = 0; kind < 256; ++kind) {
    Envelope e;
    e.kind = static_cast<Kind>(kind);
    e.to = static_cast<ServiceRef>(1);
    std::vector<std::byte> frame(kFrameHead + kEnvelopeHead);
    encode_envelope(frame.data(), e);
    const bool known = (kind >= 1 && kind <= 5) || (kind >= 64 && kind <= 71);
    EXPECT_EQ(decode_envelope(std::span(frame).subspan(kFrameHead)).has_value(), known) << kind;
  }
}

TEST(Sender, DefinesAServiceBeforeItsFirstUseAndOnce) {
  routing::Names names;
  Sender sender(names);
  Envelope e;
  e.to = names.service("a#0@t");
  e.from = names.service("b#0@t");
  ASSERT_TRUE(sender.envelope(e));
  ASSERT_TRUE(sender.envelope(e));
  std::vector<FrameType> types;
  sender.stream().for_each_frame([&](std::span<const std::byte> frame, bool sent) {
    EXPECT_FALSE(sent);
    types.push_back(static_cast<FrameType>(frame[0]));
  });
  EXPECT_EQ(types, (std::vector{FrameType::define, FrameType::define, FrameType::envelope, FrameType::envelope}));
  sender.reset();
  ASSERT_TRUE(sender.envelope(e));
  std::size_t count = 0;
  sender.stream().for_each_frame([&](std::span<const std::byte>, bool) { ++count; });
  EXPECT_EQ(count, 3U);
}

TEST(Sender, HasRefsOfItsOwnAndHoldsTheirNames) {
  routing::Names names;
  for (int i = 0; i < 1000; ++i) (void)names.service("other#" + std::to_string(i) + "@t");
  const auto remote = names.hold("game#0@t").value();
  Sender sender(names);
  Envelope e;
  e.to = remote;
  ASSERT_TRUE(sender.envelope(e));
  EXPECT_EQ(sender.wire_ref(remote), 1U);
  EXPECT_EQ(sender.wire_ref(names.find("other#7@t")), 2U);
  names.release(remote);
  EXPECT_EQ(names.counts().idle, 0U);
  std::vector<ServiceRef> to;
  sender.for_each_envelope([&](const Envelope& kept, bool) { to.push_back(kept.to); });
  EXPECT_EQ(to, std::vector{remote});
  sender.reset();
  EXPECT_EQ(names.counts().idle, 1U);
}

TEST(PeerRefs, AreBounded) {
  routing::Names names;
  PeerRefs refs(names, {});
  EXPECT_FALSE(refs.define(0, "a#0@t"));
  EXPECT_FALSE(refs.define(kMaxRef + 1, "a#0@t"));
  EXPECT_FALSE(refs.define(1, std::string(10'000, 'x')));
  EXPECT_TRUE(refs.define(kMaxRef, "a#0@t"));
  EXPECT_TRUE(refs.define(kMaxRef, "a#0@t"));
  EXPECT_FALSE(refs.define(kMaxRef, "b#0@t"));
  EXPECT_EQ(refs.find(static_cast<ServiceRef>(kMaxRef))->ref, names.service("a#0@t"));
  EXPECT_EQ(refs.find(static_cast<ServiceRef>(7)), nullptr);
  EXPECT_EQ(refs.find(static_cast<ServiceRef>(0xFFFF'FFFF)), nullptr);
}

TEST(PeerRefs, LimitsAreNamed) {
  routing::Names names;
  PeerLimits limits;
  limits.max_names = 100;
  limits.max_kinds = 10;
  PeerRefs refs(names, limits);
  for (std::uint32_t i = 1; i <= 10; ++i) ASSERT_TRUE(refs.define(i, "k" + std::to_string(i) + "#0@t"));
  EXPECT_NE(refs.define(11, "more#0@t").error().text.find("max_kinds"), std::string::npos);
  for (std::uint32_t i = 11; i <= 100; ++i) ASSERT_TRUE(refs.define(i, "k1#" + std::to_string(i) + "@t"));
  EXPECT_NE(refs.define(101, "k1#0@t").error().text.find("max_names"), std::string::npos);
  EXPECT_EQ(names.counts().held, 100U);
}

TEST(PeerRefs, ReleaseTheirNames) {
  routing::Names names;
  {
    PeerRefs refs(names, {});
    ASSERT_TRUE(refs.define(1, "a#0@t"));
    ASSERT_TRUE(refs.define(2, "b#0@t"));
    EXPECT_TRUE(refs.defines(names.find("a#0@t")));
    EXPECT_EQ(names.counts().held, 2U);
    refs.reset();
    EXPECT_FALSE(refs.defines(names.find("a#0@t")));
    EXPECT_EQ(names.counts().held, 0U);
    ASSERT_TRUE(refs.define(1, "b#0@t"));
  }
  EXPECT_EQ(names.counts().held, 0U);
  EXPECT_EQ(names.counts().idle, 2U);
}

}  // namespace
}  // namespace cm::mesh
