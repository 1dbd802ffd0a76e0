#include "mesh/frame_reader.hpp"

#include <cstring>
#include <utility>

namespace cm::mesh {
namespace {

Frame frame_of(std::span<const std::byte> bytes) {
  return {static_cast<FrameType>(bytes[4]), bytes.subspan(kFrameHead)};
}

}  // namespace

std::span<std::byte> FrameReader::prepare(std::span<std::byte> shared) {
  if (!large_.empty()) return std::span(large_).subspan(large_have_);
  if (!tail_.empty()) std::memcpy(shared.data(), tail_.data(), tail_.size());
  data_ = shared;
  return shared.subspan(tail_.size());
}

void FrameReader::commit(std::size_t bytes) {
  if (!large_.empty()) {
    large_have_ += bytes;
    return;
  }
  data_ = data_.first(tail_.size() + bytes);
  tail_.clear();
}

std::optional<Frame> FrameReader::next() {
  if (!large_.empty()) {
    if (large_have_ < large_.size() || data_.data() == large_.data()) return std::nullopt;
    data_ = large_;  // given; keep() frees it
    return frame_of(large_);
  }
  if (bad_ || data_.size() < 4) return std::nullopt;
  const std::size_t size = get_u32(data_.data());
  if (size < 1 || size + 4 > kMaxFrame) {
    bad_ = true;
    return std::nullopt;
  }
  if (data_.size() < size + 4) return std::nullopt;
  const Frame frame = frame_of(data_.first(size + 4));
  data_ = data_.subspan(size + 4);
  return frame;
}

void FrameReader::keep() {
  if (!large_.empty()) {
    if (data_.data() == large_.data()) reset();
    return;
  }
  if (!bad_ && data_.size() >= 4 && get_u32(data_.data()) + 4 > kLarge) {
    large_.resize(get_u32(data_.data()) + 4);
    large_have_ = data_.size();
    std::memcpy(large_.data(), data_.data(), data_.size());
  } else {
    tail_.assign(data_.begin(), data_.end());
  }
  data_ = {};
}

void FrameReader::reset() {
  tail_.clear();
  std::vector<std::byte>().swap(large_);
  large_have_ = 0;
  data_ = {};
  bad_ = false;
}

}  // namespace cm::mesh
