// SPDX-License-Identifier: Apache-2.0
#include "udx/packet.hpp"

namespace hsfwd::udx {

namespace {
constexpr std::uint8_t kMagic = 0xff;
constexpr std::uint8_t kVersion = 1;
}  // namespace

void Header::write(std::uint8_t* out) const {
  out[0] = kMagic;
  out[1] = kVersion;
  out[2] = flags;
  out[3] = data_offset;
  store_le32(out + 4, stream.value);
  store_le32(out + 8, window);
  store_le32(out + 12, seq.value);
  store_le32(out + 16, ack.value);
}

std::optional<Packet> Packet::parse(ByteView datagram) {
  if (datagram.size() < kHeaderSize || datagram.size() > kHeaderSize + kMaxPayload ||
      datagram[0] != kMagic || datagram[1] != kVersion) {
    return std::nullopt;
  }
  const std::uint8_t* p = datagram.data();
  Packet packet;
  packet.header = {
      .flags = p[2],
      .data_offset = p[3],
      .stream = {load_le32(p + 4)},
      .window = load_le32(p + 8),
      .seq = {load_le32(p + 12)},
      .ack = {load_le32(p + 16)},
  };
  packet.body = datagram.subspan(kHeaderSize);
  packet.valid = packet.header.data_offset <= packet.body.size();
  if (packet.valid) packet.payload = packet.body.subspan(packet.header.data_offset);
  return packet;
}

}  // namespace hsfwd::udx
