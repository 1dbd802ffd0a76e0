#include "session/notice.hpp"

namespace cm::session {
namespace {

constexpr std::size_t kMaxService = 256;
constexpr std::size_t kMaxText = 1024;

// Bytes of the UTF-8 character that `text` begins with; 0 when it begins with none.
std::size_t utf8_character(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xC2 && first < 0xE0 ? 2 : first >= 0xE0 && first < 0xF0 ? 3 : 4;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xC0U) != 0x80) return 0;
  }
  const unsigned second = at(1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool no_character = (first == 0xED && second >= 0xA0) || (first == 0xF4 && second >= 0x90);
  return overlong || no_character ? 0 : size;
}

class Writer {
 public:
  explicit Writer(NoticeBody& into) : into_(into) {}

  void number(unsigned field, std::uint32_t value) {
    if (value == 0) return;
    varint(field << 3U);
    varint(value);
  }

  void text(unsigned field, std::string_view value, std::size_t max) {
    std::size_t size = 0;  // of the part that fits, cut between characters
    while (size < value.size()) {
      const std::size_t next = size + std::max<std::size_t>(1, utf8_character(value.substr(size)));
      if (next > max) break;
      size = next;
    }
    if (size == 0) return;
    varint(field << 3U | 2U);
    varint(static_cast<std::uint32_t>(size));
    for (std::size_t i = 0; i < size;) {
      const std::size_t character = utf8_character(value.substr(i));
      if (character == 0) {
        put('?');
        ++i;
      }
      for (std::size_t c = 0; c < character; ++c) put(static_cast<unsigned char>(value[i++]));
    }
  }

  [[nodiscard]] std::span<const std::byte> written() const { return std::span(into_).first(size_); }

 private:
  void put(unsigned byte) { into_[size_++] = static_cast<std::byte>(byte); }
  void varint(std::uint32_t value) {
    for (; value >= 0x80; value >>= 7U) put((value & 0x7FU) | 0x80U);
    put(value);
  }

  NoticeBody& into_;
  std::size_t size_ = 0;
};

// Tag and length of each field, at their longest.
static_assert(kMaxNotice >= kMaxService + kMaxText + 4 * (1 + 5));

}  // namespace

std::span<const std::byte> encode_notice(const Notice& notice, NoticeBody& into) {
  Writer writer(into);
  writer.number(1, static_cast<std::uint32_t>(notice.code));
  writer.number(2, notice.msg_id);
  writer.text(3, notice.service, kMaxService);
  writer.text(4, notice.text, kMaxText);
  return writer.written();
}

std::string_view default_text(CloseReason reason) {
  switch (reason) {
    case CloseReason::malformed:
      return "A frame was too short to hold a message id: its length must be 2 or more.";
    case CloseReason::too_large:
      return "A message was larger than this gateway takes.";
    case CloseReason::too_slow:
      return "Messages were not read in time; those that waited were dropped.";
    case CloseReason::blocked:
      return "Too many messages that no route allows.";
    case CloseReason::not_admitted:
      return "Not verified in time, or too many messages before it.";
    case CloseReason::idle:
      return "Nothing was heard for too long; send a PingACK now and then, and answer pings of WebSocket.";
    case CloseReason::kicked:
      return "Closed by the game.";
    case CloseReason::going_down:
      return "The gateway goes down; log in again to get another one.";
    case CloseReason::full:
      return "The gateway has as many clients as it takes; log in again later.";
    case CloseReason::replaced:
      return "You entered anew from elsewhere; this connection ends.";
    default:
      return "";
  }
}

}  // namespace cm::session
