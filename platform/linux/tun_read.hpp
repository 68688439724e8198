// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "ip/segmentation.hpp"
#include "util/buffer_pool.hpp"
#include "util/bytes.hpp"

namespace hsfwd::platform {

/// What a TUN device has handed over in one read, as long as not all of it has left: one packet, or one that is
/// cut into those that it stands for. As FairQueue wants it.
class TunRead {
 public:
  TunRead() = default;
  /// `packet`: in `buffer`.
  TunRead(PooledBuffer buffer, ByteView packet) : buffer_(std::move(buffer)), packet_(packet) {}
  TunRead(PooledBuffer buffer, const ip::Segmenter& large)
      : buffer_(std::move(buffer)), large_(large) {}

  bool done() const { return large_ ? large_->done() : packet_.empty(); }
  std::size_t packets() const { return large_ ? large_->packets_left() : packet_.empty() ? 0 : 1; }
  std::size_t bytes() const { return large_ ? large_->bytes_left() : packet_.size(); }
  std::size_t next_bytes() const { return large_ ? large_->next_size() : packet_.size(); }
  std::size_t memory() const { return buffer_.size(); }
  void skip() {
    if (large_) {
      large_->skip();
    } else {
      packet_ = {};
    }
  }
  /// The next packet, into `room`, which has next_bytes().
  void next(MutableBytes room) {
    if (large_) {
      large_->next(room);
    } else {
      copy_bytes(packet_, room);
      packet_ = {};
    }
  }

 private:
  PooledBuffer buffer_;
  ByteView packet_;
  std::optional<ip::Segmenter> large_;
};

}  // namespace hsfwd::platform
