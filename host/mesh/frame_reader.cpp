#include "mesh/frame_reader.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace cm::mesh {
namespace {

Frame frame_of(std::span<const std::byte> bytes) {
  return {static_cast<FrameType>(bytes[4]), bytes.subspan(kFrameHead)};
}

}  // namespace

std::span<std::byte> FrameReader::prepare(std::span<std::byte> shared) {
  if (large_size_ != 0) {
    if (large_have_ == large_.size()) large_.resize(std::min(large_size_, std::max(kLarge, 2 * large_.size())));
    return std::span(large_).subspan(large_have_);
  }
  if (!tail_.empty()) std::memcpy(shared.data(), tail_.data(), tail_.size());
  data_ = shared;
  return shared.subspan(tail_.size());
}

void FrameReader::commit(std::size_t bytes) {
  if (large_size_ != 0) {
    large_have_ += bytes;
    return;
  }
  data_ = data_.first(tail_.size() + bytes);
  tail_.clear();
}

std::optional<Frame> FrameReader::next() {
  if (large_size_ != 0) {
    if (large_have_ < large_size_ || data_.data() == large_.data()) return std::nullopt;
    data_ = large_;  // given; keep() frees it
    return frame_of(large_);
  }
  if (bad_ || data_.size() < 4) return std::nullopt;
  const std::size_t size = get_u32(data_.data());
  if (size < 1 || size + 4 > max_frame_) {
    bad_ = true;
    return std::nullopt;
  }
  if (data_.size() < size + 4) return std::nullopt;
  const Frame frame = frame_of(data_.first(size + 4));
  data_ = data_.subspan(size + 4);
  return frame;
}

void FrameReader::keep() {
  if (large_size_ != 0) {
    if (data_.data() == large_.data()) reset();
    return;
  }
  if (!bad_ && data_.size() >= 4 && get_u32(data_.data()) + 4 > kLarge) {
    large_size_ = std::size_t{get_u32(data_.data())} + 4;
    large_have_ = data_.size();
    large_.assign(data_.begin(), data_.end());
  } else {
    tail_.assign(data_.begin(), data_.end());
  }
  data_ = {};
}

void FrameReader::reset() {
  tail_.clear();
  std::vector<std::byte>().swap(large_);
  large_size_ = large_have_ = 0;
  data_ = {};
  bad_ = false;
}

}  // namespace cm::mesh
