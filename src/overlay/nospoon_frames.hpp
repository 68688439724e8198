// SPDX-License-Identifier: Apache-2.0
// How nospoon puts IP packets on a stream: docs/protocol/applications.md section 10.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "util/bytes.hpp"

namespace hsfwd::overlay::nospoon {

/// Bytes ahead of each packet: its length, the most significant first.
inline constexpr std::size_t kLengthSize = 4;
/// A frame that announces more makes a nospoon peer lose its place in the stream.
inline constexpr std::size_t kMaxLength = 65535;
/// A frame without a packet, from either side.
inline constexpr std::array<std::uint8_t, kLengthSize> kKeepalive{};

/// Bytes that the frame of a packet takes.
constexpr std::size_t frame_size(ByteView packet) {
  return kLengthSize + packet.size();
}
/// Puts the frame at the start of `into`, which has room for it. `packet` has 1 to kMaxLength bytes.
void write_frame(ByteView packet, MutableBytes into);

/// The packets of a stream that comes in pieces of any size. It holds no more than one batch, whatever
/// comes.
class FrameReader {
 public:
  /// `max_packet`: bytes of the largest that is wanted, at most kMaxLength. Larger ones are passed over, and
  /// counted.
  explicit FrameReader(std::size_t max_packet);

  /// Takes bytes from the front until all are taken, or a batch is full, and returns how many, which is 0
  /// only if there are none, or once broken(). What it returned of packets() before is overwritten.
  std::size_t feed(ByteView bytes);
  /// Those that feed() has completed, with net::kTunnelWriteHeadroom bytes ahead of each. They may be
  /// overwritten.
  std::span<const MutableBytes> packets() const { return packets_; }
  /// The peer announced a frame of more than kMaxLength bytes: where the next one begins is not known.
  bool broken() const { return broken_; }
  /// Packets so far that were larger than what is wanted.
  std::uint64_t passed_over() const { return passed_over_; }

 private:
  /// Bytes of packets that a batch has room for beside the largest: a few dozen packets, since a batch is
  /// cheaper than as many single ones.
  static constexpr std::size_t kBatch = 32 * 1024;

  void begin_batch();
  bool has_room();
  std::size_t take_length(ByteView bytes);
  std::size_t take_packet(ByteView bytes);

  const std::size_t max_packet_;
  const std::size_t size_;
  const std::unique_ptr<std::uint8_t[]> room_;
  std::vector<MutableBytes> packets_;
  std::size_t begin_ = 0;  // in room_, of the packet that is being put together
  std::array<std::uint8_t, kLengthSize> length_{};
  std::size_t length_taken_ = 0;  // of length_
  std::size_t wanted_ = 0;        // bytes of the packet; 0: the length is not known yet
  std::size_t taken_ = 0;         // of those
  bool broken_ = false;
  std::uint64_t passed_over_ = 0;
};

}  // namespace hsfwd::overlay::nospoon
