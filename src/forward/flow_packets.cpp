// SPDX-License-Identifier: Apache-2.0
#include "forward/flow_packets.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "forward/flow_datagram.hpp"

namespace hsfwd::forward {

bool FlowPackets::add(PeerStream& peer, std::uint16_t flow, ByteView bytes) {
  const std::size_t size = kFlowHeader + bytes.size();
  const std::size_t most = std::min(kMaxBytes, peer.max_in_parts());
  if (size > most) {
    // Nothing at all goes to one that is about to end.
    ++(most > 0 ? lost_.too_large : lost_.busy);
    return false;
  }
  if (memory_.empty()) memory_.resize(kMax * kSlot);
  const MutableBytes packet =
      MutableBytes(memory_).subspan(count_ * kSlot + net::kTunnelHeadroom, size);
  write_flow(flow, packet.data());
  copy_bytes(bytes, packet.subspan(kFlowHeader));
  batch_[count_++] = packet;
  if (count_ == kMax) send(peer);
  return true;
}

void FlowPackets::send(PeerStream& peer) {
  const std::size_t count = std::exchange(count_, 0);
  if (count > 0) lost_.busy += count - peer.send_packets(std::span(batch_).first(count));
}

FlowPackets::Lost FlowPackets::flush(PeerStream& peer) {
  send(peer);
  return std::exchange(lost_, {});
}

}  // namespace hsfwd::forward
