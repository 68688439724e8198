// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "net/packet_tunnel.hpp"
#include "node/peer_stream.hpp"

namespace hsfwd::forward {

/// Datagrams of flows on their way to a peer: put together with the room that packets need, and sent in batches.
class FlowPackets {
 public:
  /// Packets of a batch.
  static constexpr std::size_t kMax = 32;
  /// Bytes of a datagram that any path carries, in two parts.
  static constexpr std::size_t kMaxBytes = 4096;

  /// What became of datagrams that were added.
  struct Lost {
    std::size_t too_large = 0;  // for the path
    std::size_t busy = 0;       // the socket to the peer was full, or the connection over
  };

  /// False if it is lost already.
  bool add(PeerStream& peer, std::uint16_t flow, ByteView bytes);
  /// Sends what has been added since the last time, all of it for `peer`.
  Lost flush(PeerStream& peer);

 private:
  static constexpr std::size_t kSlot = net::kTunnelHeadroom + kMaxBytes + net::kTunnelTailroom;

  void send(PeerStream& peer);

  Bytes memory_;
  std::array<MutableBytes, kMax> batch_;
  std::size_t count_ = 0;
  Lost lost_;
};

}  // namespace hsfwd::forward
