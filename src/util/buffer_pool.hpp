// SPDX-License-Identifier: Apache-2.0
// Fixed-size buffers that are used again instead of going through the allocator.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "util/bytes.hpp"

namespace hsfwd {

class BufferPool;

/// Owns one buffer of a pool and gives it back when destroyed. The pool outlives it.
class PooledBuffer {
 public:
  PooledBuffer() = default;
  PooledBuffer(PooledBuffer&& other) noexcept;
  PooledBuffer& operator=(PooledBuffer&& other) noexcept;
  ~PooledBuffer() { reset(); }

  explicit operator bool() const { return data_ != nullptr; }
  std::uint8_t* data() const { return data_.get(); }
  std::size_t size() const;
  MutableBytes bytes() const { return {data_.get(), size()}; }
  void reset();

 private:
  friend class BufferPool;
  PooledBuffer(BufferPool& pool, std::unique_ptr<std::uint8_t[]> data)
      : pool_(&pool), data_(std::move(data)) {}

  BufferPool* pool_ = nullptr;
  std::unique_ptr<std::uint8_t[]> data_;
};

class BufferPool {
 public:
  /// Buffers of `buffer_size` bytes; at most `max_idle` of them are kept when nobody uses them.
  BufferPool(std::size_t buffer_size, std::size_t max_idle)
      : buffer_size_(buffer_size), max_idle_(max_idle) {
    idle_.reserve(max_idle);  // giving back allocates nothing
  }
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  /// The content of the buffer is whatever it was before.
  PooledBuffer take();

  std::size_t buffer_size() const { return buffer_size_; }
  std::size_t in_use() const { return in_use_; }

 private:
  friend class PooledBuffer;
  void give_back(std::unique_ptr<std::uint8_t[]> data);

  const std::size_t buffer_size_;
  const std::size_t max_idle_;
  std::size_t in_use_ = 0;
  std::vector<std::unique_ptr<std::uint8_t[]>> idle_;
};

}  // namespace hsfwd
