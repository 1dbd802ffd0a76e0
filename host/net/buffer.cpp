#include "net/buffer.hpp"

#include <cassert>
#include <cstring>

namespace cm::net {

BufferPool::~BufferPool() {
  for (auto& blocks : free_) {
    for (std::byte* block : blocks) delete[] block;
  }
}

BufferPool::Block BufferPool::take(std::size_t size) {
  for (std::size_t i = 0; i < kSizes.size(); ++i) {
    if (size > kSizes[i]) continue;
    if (free_[i].empty()) return {new std::byte[kSizes[i]], kSizes[i]};
    std::byte* block = free_[i].back();
    free_[i].pop_back();
    return {block, kSizes[i]};
  }
  return {new std::byte[size], size};
}

void BufferPool::give(Block block) {
  for (std::size_t i = 0; i < kSizes.size(); ++i) {
    if (block.size != kSizes[i] || (free_[i].size() + 1) * kSizes[i] > kKeep) continue;
    free_[i].push_back(block.data);
    return;
  }
  delete[] block.data;
}

Buffer::~Buffer() { assert(data_ == nullptr); }

std::span<std::byte> Buffer::space(BufferPool& pool, std::size_t size) {
  const std::size_t used = end_ - begin_;
  if (capacity_ - end_ < size) {
    if (capacity_ >= used + size && begin_ >= used) {  // moved at most once a byte that was consumed
      std::memcpy(data_, data_ + begin_, used);
    } else {
      // Twice of what is there, so that growing costs each byte one copy on average.
      const BufferPool::Block block = pool.take(used == 0 ? size : 2 * used + size);
      if (used != 0) std::memcpy(block.data, data_ + begin_, used);
      if (data_ != nullptr) pool.give({data_, capacity_});
      data_ = block.data;
      capacity_ = static_cast<std::uint32_t>(block.size);
    }
    begin_ = 0;
    end_ = static_cast<std::uint32_t>(used);
  }
  return {data_ + end_, capacity_ - end_};
}

void Buffer::append(BufferPool& pool, std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  std::memcpy(space(pool, bytes.size()).data(), bytes.data(), bytes.size());
  commit(bytes.size());
}

void Buffer::release(BufferPool& pool) {
  if (data_ != nullptr) pool.give({data_, capacity_});
  data_ = nullptr;
  capacity_ = begin_ = end_ = 0;
}

}  // namespace cm::net
