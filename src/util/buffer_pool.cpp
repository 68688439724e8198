// SPDX-License-Identifier: Apache-2.0
#include "util/buffer_pool.hpp"

#include <utility>

#include "util/check.hpp"

namespace hsfwd {

PooledBuffer::PooledBuffer(PooledBuffer&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), data_(std::move(other.data_)) {}

PooledBuffer& PooledBuffer::operator=(PooledBuffer&& other) noexcept {
  if (this != &other) {
    reset();
    pool_ = std::exchange(other.pool_, nullptr);
    data_ = std::move(other.data_);
  }
  return *this;
}

std::size_t PooledBuffer::size() const {
  return data_ ? pool_->buffer_size() : 0;
}

void PooledBuffer::reset() {
  if (data_) pool_->give_back(std::move(data_));
  pool_ = nullptr;
}

BufferPool::~BufferPool() {
  HSFWD_CHECK(in_use_ == 0);
}

PooledBuffer BufferPool::take() {
  std::unique_ptr<std::uint8_t[]> data;
  if (idle_.empty()) {
    data.reset(new std::uint8_t[buffer_size_]);
  } else {
    data = std::move(idle_.back());
    idle_.pop_back();
  }
  ++in_use_;
  return PooledBuffer(*this, std::move(data));
}

void BufferPool::give_back(std::unique_ptr<std::uint8_t[]> data) {
  --in_use_;
  if (idle_.size() < max_idle_) idle_.push_back(std::move(data));
}

}  // namespace hsfwd
