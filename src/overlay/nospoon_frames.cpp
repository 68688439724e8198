// SPDX-License-Identifier: Apache-2.0
// Differs from upstream: the reader is broken by a length that is too large, where upstream's goes on in the
// middle of something; it holds one packet, where upstream's holds up to 256 KiB.
#include "overlay/nospoon_frames.hpp"

#include <algorithm>
#include <cstring>

#include "ip/network_order.hpp"
#include "net/packet_tunnel.hpp"

namespace hsfwd::overlay::nospoon {

void write_frame(ByteView packet, MutableBytes into) {
  ip::store_be32(into.data(), static_cast<std::uint32_t>(packet.size()));
  copy_bytes(packet, into.subspan(kLengthSize));
}

FrameReader::FrameReader(std::size_t max_packet)
    : max_packet_(std::min(max_packet, kMaxLength)),
      size_(kBatch + net::kTunnelWriteHeadroom + max_packet_),
      room_(std::make_unique_for_overwrite<std::uint8_t[]>(size_)),
      begin_(net::kTunnelWriteHeadroom) {}

std::size_t FrameReader::feed(ByteView bytes) {
  begin_batch();
  std::size_t taken = 0;
  while (taken < bytes.size() && !broken_) {
    const ByteView rest = bytes.subspan(taken);
    if (wanted_ == 0) {
      taken += take_length(rest);
    } else if (has_room()) {
      taken += take_packet(rest);
    } else {
      break;
    }
  }
  return taken;
}

/// What there is of a packet moves to the front.
void FrameReader::begin_batch() {
  packets_.clear();
  const std::size_t front = net::kTunnelWriteHeadroom;
  if (begin_ == front) return;
  if (taken_ > 0 && wanted_ <= max_packet_) std::memmove(&room_[front], &room_[begin_], taken_);
  begin_ = front;
}

std::size_t FrameReader::take_length(ByteView bytes) {
  const std::size_t size = std::min(kLengthSize - length_taken_, bytes.size());
  copy_bytes(bytes.first(size), MutableBytes(length_).subspan(length_taken_));
  length_taken_ += size;
  if (length_taken_ < kLengthSize) return size;
  length_taken_ = 0;
  const std::size_t length = ip::load_be32(length_.data());
  broken_ = length > kMaxLength;
  wanted_ = broken_ ? 0 : length;
  taken_ = 0;
  if (wanted_ > max_packet_) ++passed_over_;
  return size;
}

/// Whether there is room for the packet in this batch.
bool FrameReader::has_room() {
  return wanted_ > max_packet_ || begin_ + wanted_ <= size_;
}

std::size_t FrameReader::take_packet(ByteView bytes) {
  const std::size_t size = std::min(wanted_ - taken_, bytes.size());
  const bool is_kept = wanted_ <= max_packet_;
  if (is_kept) std::memcpy(&room_[begin_ + taken_], bytes.data(), size);
  taken_ += size;
  if (taken_ < wanted_) return size;
  if (is_kept) {
    packets_.emplace_back(&room_[begin_], wanted_);
    begin_ += wanted_ + net::kTunnelWriteHeadroom;
  }
  wanted_ = taken_ = 0;
  return size;
}

}  // namespace hsfwd::overlay::nospoon
