// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "crypto/packet_aead.hpp"
#include "noise/handshake.hpp"
#include "secret_stream/replay_window.hpp"

namespace hsfwd::secret_stream {

/// Whose a packet is. Numbers are for ever; docs/protocol/forward.md section 9 has the list.
enum class PacketChannel : std::uint8_t {
  kControl = 0,            // of hsfwd itself, about the connection
  kMessages = 1,           // of the application
  kIp = 2,                 // each an IP packet
  kIpParts = 3,            // each one of two parts of an IP packet
  kStreams = 4,            // each a packet of a session's stream
  kUdp = 5,                // each a datagram of a UDP flow
  kUdpParts = 6,           // each one of two parts of such a datagram
  kStreamParts = 7,        // each one of two parts of a packet of a session's stream
  kBesideStream = 8,       // each a packet that travels beside a session's stream
  kBesideStreamParts = 9,  // each one of two parts of such a packet
};

/// Packets beside the streams between two hsfwd peers, each in a datagram of its own:
///
///   counter u64 little endian | sealed: channel u8, payload | tag (16)
///
/// There is no order and no delivery guarantee, and each opens once, and only here. The keys come from
/// the handshake's secret. docs/protocol/forward.md section 9.
class Packets {
 public:
  /// What stands ahead of the payload, and in all.
  static constexpr std::size_t kHeadroom = 8 + 1;
  static constexpr std::size_t kOverhead = kHeadroom + crypto::kTagSize;

  explicit Packets(const noise::Session& session);
  /// With a given next counter, for tests.
  void set_counter(std::uint64_t next) { counter_ = next; }

  /// Seals in place: `packet` has the payload behind kHeadroom bytes, and ahead of room for the tag. False
  /// once the counters are used up, which ends the connection.
  [[nodiscard]] bool seal(PacketChannel channel, MutableBytes packet);

  struct Opened {
    PacketChannel channel;  // may have no name here
    MutableBytes payload;   // in `room`
  };
  /// Into `room`, which has as many bytes as `packet`, or more. Errors: kTruncated, kAuthentication,
  /// kRefused for a repeat. All are ordinary; the packet is dropped.
  Result<Opened> open(ByteView packet, MutableBytes room);
  /// Where it is: the payload begins kHeadroom bytes behind the packet.
  Result<Opened> open_in_place(MutableBytes packet);

 private:
  crypto::PacketSealer sending_;
  crypto::PacketOpener receiving_;
  std::uint64_t counter_ = 0;
  ReplayWindow received_;
};

}  // namespace hsfwd::secret_stream
