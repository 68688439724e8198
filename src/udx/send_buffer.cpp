// SPDX-License-Identifier: Apache-2.0
#include "udx/send_buffer.hpp"

#include <algorithm>

namespace hsfwd::udx {

MutableBytes SendBuffer::reserve(std::size_t at_least) {
  HSFWD_CHECK(at_least <= kMaxAtLeast);
  if (slabs_.empty() || slabs_.back().room() < at_least) add_slab(pool_);
  const Slab& slab = slabs_.back();
  return slab.memory.bytes().subspan(slab.used);
}

void SendBuffer::add_slab(BufferPool& pool) {
  slabs_.push_back(Slab{pool.take(), end_, 0});
  allocated_ += pool.buffer_size();
}

void SendBuffer::pop_slab() {
  allocated_ -= slabs_.front().memory.size();
  slabs_.pop_front();
}

void SendBuffer::commit(std::size_t size) {
  if (size == 0) {
    release(begin_);
    return;
  }
  Slab& slab = slabs_.back();
  HSFWD_CHECK(size <= slab.room());
  slab.used += size;
  end_ += size;
}

void SendBuffer::append(ByteView bytes) {
  if (slabs_.empty() && bytes.size() <= small_.buffer_size()) add_slab(small_);
  while (!bytes.empty()) {
    const MutableBytes room = reserve(1);
    const ByteView part = bytes.first(std::min(room.size(), bytes.size()));
    copy_bytes(part, room);
    commit(part.size());
    bytes = bytes.subspan(part.size());
  }
}

std::size_t SendBuffer::slab_of(std::uint64_t offset) const {
  std::size_t low = 0;
  std::size_t high = slabs_.size();
  while (high - low > 1) {
    const std::size_t middle = (low + high) / 2;
    (slabs_[middle].offset <= offset ? low : high) = middle;
  }
  return low;
}

std::array<ByteView, 2> SendBuffer::locate(std::uint64_t offset, std::size_t size) const {
  std::array<ByteView, 2> out{};
  if (size == 0) return out;
  HSFWD_CHECK(offset >= begin_ && offset + size <= end_);
  const std::size_t index = slab_of(offset);
  const Slab& slab = slabs_[index];
  const auto skip = static_cast<std::size_t>(offset - slab.offset);
  const std::size_t here = std::min(size, slab.used - skip);
  out[0] = ByteView(slab.memory.data() + skip, here);
  if (here < size) {
    const Slab& following = slabs_[index + 1];
    HSFWD_CHECK(size - here <= following.used);
    out[1] = ByteView(following.memory.data(), size - here);
  }
  return out;
}

void SendBuffer::release(std::uint64_t offset) {
  begin_ = std::max(begin_, offset);
  while (!slabs_.empty() && slabs_.front().offset + slabs_.front().used <= begin_) {
    pop_slab();
  }
}

void SendBuffer::clear() {
  begin_ = end_;
  while (!slabs_.empty()) pop_slab();
}

}  // namespace hsfwd::udx
