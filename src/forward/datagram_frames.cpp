// SPDX-License-Identifier: Apache-2.0
#include "forward/datagram_frames.hpp"

#include <algorithm>
#include <utility>

#include "net/udp.hpp"

namespace hsfwd::forward {

namespace {

std::size_t length_of(ByteView header) {
  return std::size_t{header[0]} << 24 | std::size_t{header[1]} << 16 | std::size_t{header[2]} << 8 |
         header[3];
}

/// Of the frame that begins there, header included; of one whose header is not complete, that much.
std::size_t frame_size(ByteView begin) {
  return begin.size() < kFrameHeader ? kFrameHeader : kFrameHeader + length_of(begin);
}

}  // namespace

bool FrameReader::feed(ByteView bytes, const std::function<void(ByteView)>& take) {
  while (!bytes.empty()) {
    if (part_.empty() && bytes.size() >= frame_size(bytes) && bytes.size() >= kFrameHeader) {
      const std::size_t size = frame_size(bytes);
      if (size > kFrameHeader + net::kMaxUdpPayload) return false;
      take(bytes.subspan(kFrameHeader, size - kFrameHeader));
      bytes = bytes.subspan(size);
      continue;
    }
    const std::size_t wanted = frame_size(part_);
    const ByteView more = bytes.first(std::min(bytes.size(), wanted - part_.size()));
    append(part_, more);
    bytes = bytes.subspan(more.size());
    if (part_.size() < kFrameHeader) continue;
    if (frame_size(part_) > kFrameHeader + net::kMaxUdpPayload) return false;
    if (part_.size() < frame_size(part_)) continue;
    const Bytes whole = std::exchange(part_, {});
    take(ByteView(whole).subspan(kFrameHeader));
  }
  return true;
}

bool FrameWriter::send(PeerStream& peer, ByteView datagram) {
  if (!rest_.empty()) return false;
  Bytes frame(kFrameHeader);
  for (std::size_t i = 0; i < kFrameHeader; ++i) {
    frame[i] = static_cast<std::uint8_t>(datagram.size() >> (8 * (kFrameHeader - 1 - i)));
  }
  append(frame, datagram);
  const std::size_t taken = peer.write(frame);
  if (taken == 0) return false;
  append(rest_, ByteView(frame).subspan(taken));
  return true;
}

void FrameWriter::on_writable(PeerStream& peer) {
  if (rest_.empty()) return;
  const std::size_t taken = peer.write(rest_);
  rest_.erase(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(taken));
}

}  // namespace hsfwd::forward
