// SPDX-License-Identifier: Apache-2.0
// A datagram of a UDP flow, as it travels between two hsfwd peers: its flow's number, u16 little endian, and its
// bytes. docs/protocol/forward.md, section 12.
#pragma once

#include <cstdint>
#include <optional>

#include "util/bytes.hpp"

namespace hsfwd::forward {

/// Bytes ahead of the datagram's own.
inline constexpr std::size_t kFlowHeader = 2;

struct FlowDatagram {
  std::uint16_t flow;
  ByteView bytes;  // may be empty
};

/// Nothing if it is too short for one.
inline std::optional<FlowDatagram> read_flow(ByteView packet) {
  if (packet.size() < kFlowHeader) return std::nullopt;
  return FlowDatagram{load_le16(packet.data()), packet.subspan(kFlowHeader)};
}

/// kFlowHeader bytes at `to`.
inline void write_flow(std::uint16_t flow, std::uint8_t* to) {
  store_le16(to, flow);
}

}  // namespace hsfwd::forward
