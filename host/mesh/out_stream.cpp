#include "mesh/out_stream.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "mesh/wire.hpp"

namespace cm::mesh {
namespace {

constexpr std::size_t kLength = 4;  // what a frame begins with

}  // namespace

void OutStream::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (end_ - base_ == (chunks_.size() - first_) * kChunk) {
      if (spare_.empty()) {
        chunks_.push_back(std::make_unique_for_overwrite<std::byte[]>(kChunk));
      } else {
        chunks_.push_back(std::move(spare_.back()));
        spare_.pop_back();
      }
    }
    const auto begin = static_cast<std::size_t>(end_ % kChunk);
    const std::size_t size = std::min(bytes.size(), kChunk - begin);
    std::memcpy(chunks_.back().get() + begin, bytes.data(), size);
    end_ += size;
    bytes = bytes.subspan(size);
  }
}

void OutStream::reset() {
  while (first_ < chunks_.size()) drop_front();
  base_ = acked_ = sent_ = most_sent_ = end_ = 0;
}

const std::byte* OutStream::at(std::uint64_t offset, std::size_t& run) const {
  const auto chunk = static_cast<std::size_t>((offset - base_) / kChunk);
  const auto begin = static_cast<std::size_t>(offset % kChunk);
  run = std::min(kChunk - begin, static_cast<std::size_t>(end_ - offset));
  return chunks_[first_ + chunk].get() + begin;
}

std::size_t OutStream::gather(std::span<iovec> into) const {
  std::size_t count = 0;
  for (std::uint64_t offset = sent_; offset < end_ && count < into.size();) {
    std::size_t run = 0;
    const std::byte* bytes = at(offset, run);
    into[count++] = {const_cast<std::byte*>(bytes), run};  // only read: iovec has one type for both ways
    offset += run;
  }
  return count;
}

void OutStream::on_sent(std::size_t bytes) {
  sent_ += bytes;
  most_sent_ = std::max(most_sent_, sent_);
}

bool OutStream::on_acked(std::uint64_t offset) {
  if (!can_resume_at(offset)) return false;
  acked_ = offset;
  sent_ = std::max(sent_, acked_);
  while (first_ < chunks_.size() && base_ + kChunk <= acked_) drop_front();
  return true;
}

bool OutStream::resume_at(std::uint64_t offset) {
  if (!on_acked(offset)) return false;
  sent_ = offset;
  return true;
}

void OutStream::drop_front() {
  if (spare_.size() < kKeep) spare_.push_back(std::move(chunks_[first_]));
  chunks_[first_++].reset();
  base_ += kChunk;
  if (first_ == chunks_.size() || first_ >= 64) {
    chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

std::uint32_t OutStream::length_at(std::uint64_t offset) const {
  std::size_t run = 0;
  const std::byte* bytes = at(offset, run);
  if (run >= kLength) return get_u32(bytes);
  std::byte length[kLength];
  copy(offset, length);
  return get_u32(length);
}

bool OutStream::is_frame_end(std::uint64_t offset) const {
  std::uint64_t end = acked_;
  while (end < offset && end_ - end >= kLength) end += kLength + length_at(end);
  return end == offset;
}

void OutStream::copy(std::uint64_t offset, std::span<std::byte> to) const {
  while (!to.empty()) {
    std::size_t run = 0;
    const std::byte* bytes = at(offset, run);
    run = std::min(run, to.size());
    std::memcpy(to.data(), bytes, run);
    offset += run;
    to = to.subspan(run);
  }
}

void OutStream::for_each_frame(const std::function<void(std::span<const std::byte>, bool)>& fn) const {
  std::vector<std::byte> frame;
  for (std::uint64_t offset = acked_; end_ - offset >= kLength;) {
    frame.resize(length_at(offset));
    copy(offset + kLength, frame);
    offset += kLength + frame.size();
    fn(frame, offset <= most_sent_);
  }
}

}  // namespace cm::mesh
