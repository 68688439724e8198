// SPDX-License-Identifier: Apache-2.0
// The one packet form of UDX. All integers little endian.
//
//     0       1       2       3       4               8        12       16       20
//   +-------+-------+-------+-------+---------------+--------+--------+--------+--------~-----~
//   | ff    | 01    | flags | data  | stream id of  | window | seq    | ack    | SACK   | pay-
//   |       |       |       | offset| the receiver  | bytes  |        |        | or pad | load
//   +-------+-------+-------+-------+---------------+--------+--------+--------+--------~-----~
//
// The payload starts at 20 + data offset. In between stand SACK ranges or the zeros of an MTU probe.
#pragma once

#include <array>
#include <optional>

#include "net/udp.hpp"
#include "udx/seq.hpp"
#include "util/bytes.hpp"

namespace hsfwd::udx {

inline constexpr std::size_t kHeaderSize = 20;
inline constexpr std::size_t kIpUdpSize = 28;  // IPv4 without options, and UDP
inline constexpr std::size_t kOverhead = kHeaderSize + kIpUdpSize;
/// What may be sent to an address for each byte that came from it, before the peer has shown to be
/// there: RFC 9000, section 8.1.
inline constexpr std::uint64_t kAmplification = 3;
inline constexpr std::size_t kMaxPayload = net::kMaxDatagram - kHeaderSize;
inline constexpr std::size_t kMaxPadding = 255;
inline constexpr std::size_t kSackRangeSize = 8;

enum Flags : std::uint8_t {
  kState = 0x00,
  kData = 0x01,
  kEnd = 0x02,
  kSack = 0x04,
  kMessage = 0x08,
  kDestroy = 0x10,
  kHeartbeat = 0x20,
};

struct Header {
  std::uint8_t flags = kState;
  std::uint8_t data_offset = 0;
  StreamId stream;
  std::uint32_t window = 0;
  SeqNo seq;
  SeqNo ack;

  bool has(Flags flag) const { return (flags & flag) != 0; }
  void write(std::uint8_t* out) const;
};

struct Packet {
  Header header;
  ByteView body;      // all behind the header
  ByteView payload;   // behind the data offset
  bool valid = true;  // false: the data offset points beyond the end

  /// Nothing if the datagram is not UDX at all and belongs to somebody else, or if it is larger than any
  /// peer can take: buffers behind this hold kMaxPayload.
  static std::optional<Packet> parse(ByteView datagram);

  /// Calls `use(SeqRange)` for each range of a SACK packet, as it stands there.
  template <class F>
  void for_each_sack(F&& use) const {
    if (!header.has(kSack)) return;
    for (ByteView rest = sack_area(); rest.size() >= kSackRangeSize;
         rest = rest.subspan(kSackRangeSize)) {
      use(SeqRange{{load_le32(rest.data())}, {load_le32(rest.data() + 4)}});
    }
  }

 private:
  /// Upstream sends ranges with data offset 0; then they fill the rest of the datagram.
  ByteView sack_area() const {
    const bool bounded = header.data_offset > 0 && header.data_offset < body.size();
    return bounded ? body.first(header.data_offset) : body;
  }
};

}  // namespace hsfwd::udx
