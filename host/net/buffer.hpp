#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cm::net {

// Blocks of bytes that come and go with the traffic, one pool a worker, so that who is idle holds none. Keeps up to
// 1 MiB a size for the next who asks; the rest goes back to the heap. [worker]
class BufferPool {
 public:
  BufferPool() = default;
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  struct Block {
    std::byte* data = nullptr;
    std::size_t size = 0;
  };
  // At least `size` bytes.
  [[nodiscard]] Block take(std::size_t size);
  void give(Block block);

 private:
  static constexpr std::array<std::size_t, 5> kSizes{512, 2U << 10U, 8U << 10U, 32U << 10U, 128U << 10U};
  static constexpr std::size_t kKeep = 1U << 20U;
  std::array<std::vector<std::byte*>, kSizes.size()> free_;
};

// Bytes that are read at the front and written at the back, in a block of a pool while there are any. Whoever owns it
// calls release() before it dies.
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer();

  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_ + begin_, end_ - begin_}; }
  [[nodiscard]] std::size_t size() const { return end_ - begin_; }
  // To change what is there.
  [[nodiscard]] std::byte* front() { return data_ + begin_; }
  [[nodiscard]] bool empty() const { return begin_ == end_; }

  // At least `size` bytes to write at the back; what is written counts after commit().
  [[nodiscard]] std::span<std::byte> space(BufferPool& pool, std::size_t size);
  void commit(std::size_t size) { end_ += static_cast<std::uint32_t>(size); }
  void append(BufferPool& pool, std::span<const std::byte> bytes);
  // Drops bytes at the front.
  void consume(std::size_t size) { begin_ += static_cast<std::uint32_t>(size); }
  // Drops all but the first `size` bytes.
  void truncate(std::size_t size) { end_ = begin_ + static_cast<std::uint32_t>(size); }
  void release(BufferPool& pool);

 private:
  std::byte* data_ = nullptr;
  std::uint32_t capacity_ = 0;
  std::uint32_t begin_ = 0;
  std::uint32_t end_ = 0;
};

}  // namespace cm::net
