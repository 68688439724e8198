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
  /// Takes slabs from `pool`, which outlives it.
  explicit SendBuffer(BufferPool& pool) : pool_(pool) {}

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
  bool wants_slab() const { return slabs_.empty() || pool_.buffer_size() - slabs_.back().used < kMaxAtLeast; }
  /// Memory held, bytes.
  std::size_t allocated() const { return slabs_.size() * pool_.buffer_size(); }

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
  };

  std::size_t slab_of(std::uint64_t offset) const;

  BufferPool& pool_;
  Ring<Slab> slabs_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace hsfwd::udx
