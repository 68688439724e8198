// SPDX-License-Identifier: Apache-2.0
#include "ip/vnet_header.hpp"

namespace hsfwd::ip {

namespace {

std::uint16_t load16(const std::uint8_t* p) {
  std::uint16_t out;
  std::memcpy(&out, p, sizeof out);
  return out;
}

void store16(std::uint8_t* p, std::uint16_t value) {
  std::memcpy(p, &value, sizeof value);
}

}  // namespace

Result<VnetHeader> VnetHeader::decode(ByteView bytes) {
  if (bytes.size() < kSize) return Err(Errc::kTruncated);
  return VnetHeader{
      .flags = bytes[0],
      .gso_type = bytes[1],
      .header_size = load16(&bytes[2]),
      .gso_size = load16(&bytes[4]),
      .checksum_start = load16(&bytes[6]),
      .checksum_offset = load16(&bytes[8]),
  };
}

VnetHeader::Encoded VnetHeader::encode() const {
  Encoded out{flags, gso_type};
  store16(&out[2], header_size);
  store16(&out[4], gso_size);
  store16(&out[6], checksum_start);
  store16(&out[8], checksum_offset);
  return out;
}

}  // namespace hsfwd::ip
