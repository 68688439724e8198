// SPDX-License-Identifier: Apache-2.0
// The bytes of a stream that are not acknowledged yet. They stay where they were written until then;
// packets refer to them by offset, and a repeat copies nothing.
#pragma once

#include <array>
#include <cstdint>

#include "util/buffer_pool.hpp"
#include "util/ring.hpp"

namespace hsfwd::udx {

class SendBuffer {
 public:
  /// Takes slabs from `pool`, and from `small` for the few bytes with which a stream begins or that
  /// keep it alive. Both outlive it.
  SendBuffer(BufferPool& pool, BufferPool& small) : pool_(pool), small_(small) {}

  /// Slabs are filled up to this many bytes before the end at least, so that a packet never touches
  /// more than two of them.
  static constexpr std::size_t kMaxAtLeast = 4096;

  /// Contiguous room behind the last byte, at least `at_least` (up to kMaxAtLeast).
  MutableBytes reserve(std::size_t at_least);
  /// The first `size` bytes of the reserved room are part of the stream now. 0 gives room back that
  /// is not needed after all.
  void commit(std::size_t size);
  /// Copies `bytes` behind the last byte.
  void append(ByteView bytes);

  /// Offset behind the last committed byte, counted from the stream's first.
  std::uint64_t end() const { return end_; }
  std::uint64_t begin() const { return begin_; }
  std::size_t buffered() const { return static_cast<std::size_t>(end_ - begin_); }
  /// A write of a record takes another slab.
  bool wants_slab() const { return slabs_.empty() || slabs_.back().room() < kMaxAtLeast; }
  /// Memory held, bytes.
  std::size_t allocated() const { return allocated_; }

  /// Where the `size` bytes from `offset` on stand: in one piece, or in two when they straddle
  /// slabs. Valid until they are released.
  std::array<ByteView, 2> locate(std::uint64_t offset, std::size_t size) const;

  /// Bytes below `offset` are needed no more.
  void release(std::uint64_t offset);
  void clear();

 private:
  struct Slab {
    PooledBuffer memory;
    std::uint64_t offset = 0;  // of its first byte
    std::size_t used = 0;
    std::size_t room() const { return memory.size() - used; }
  };

  void add_slab(BufferPool& pool);
  void pop_slab();
  std::size_t slab_of(std::uint64_t offset) const;

  BufferPool& pool_;
  BufferPool& small_;
  Ring<Slab> slabs_;
  std::size_t allocated_ = 0;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace hsfwd::udx
