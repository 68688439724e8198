// SPDX-License-Identifier: Apache-2.0
// IP packets in two parts, for paths that do not carry them whole. A part, in a packet of its own:
//
//   id u16 little endian | part u8, 0 or 1 | bytes
//
// docs/protocol/forward.md, section 10.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "net/packet_tunnel.hpp"
#include "secret_stream/packets.hpp"
#include "udx/packet.hpp"
#include "util/time.hpp"

namespace hsfwd::hyperdht {

/// Bytes ahead of a part's own.
inline constexpr std::size_t kPartHeader = 3;
/// Bytes ahead of a packet that cut_in_two() takes.
inline constexpr std::size_t kHeadroomOfParts = 64;

/// Two halves, each a part with its header, with room for all that sealing and UDX put around it: they are
/// made out of `packet` and the tunnel's room around it, in place.
std::array<MutableBytes, 2> cut_in_two(MutableBytes packet, std::uint16_t id);

/// Puts together what comes in parts. Hostile input: a peer may send any parts in any order.
class PacketParts {
 public:
  /// Half packets that are kept; the oldest gives way to a new one.
  static constexpr std::size_t kMaxHalves = 16;
  /// Whole ones that wait to be taken.
  static constexpr std::size_t kMaxWhole = 16;
  /// How long half a packet waits for the other half. Both leave in one system call, so it is lost, or a
  /// queue of that length is no use to what runs inside. Ids begin again after 65,536 packets.
  static constexpr Duration kMaxWait = 2_s;
  /// What a datagram can hold of one part.
  static constexpr std::size_t kMaxPart =
      udx::kMaxPayload - secret_stream::Packets::kOverhead - kPartHeader;

  struct Added {
    /// The packet, if this was what it lacked: kTunnelWriteHeadroom bytes ahead of it are free, too. Good until
    /// release().
    std::optional<MutableBytes> whole;
    /// Half packets that have been given up for it, and parts that make no sense.
    std::size_t dropped = 0;
  };
  /// Not while full().
  Added add(ByteView part, Instant now);
  /// There is no room for another whole packet.
  bool full() const { return whole_ == kMaxWhole; }
  /// All whole packets are dealt with.
  void release() { whole_ = 0; }

  std::size_t halves() const;
  /// Bytes that are held, whether in use or not.
  std::size_t memory() const;

 private:
  struct Half {
    bool used = false;
    std::uint16_t id = 0;
    bool second = false;
    std::size_t size = 0;
    Instant came_at;
    Bytes room;  // for both, of the first time on
  };

  std::size_t drop_old(Instant now);
  Half* find(std::uint16_t id);
  Half& take_place(std::size_t& dropped);
  MutableBytes join(Half& half, ByteView other);

  std::array<Half, kMaxHalves> halves_;
  std::array<Bytes, kMaxWhole> done_;
  std::size_t whole_ = 0;
};

}  // namespace hsfwd::hyperdht
