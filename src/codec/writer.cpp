// SPDX-License-Identifier: Apache-2.0
#include "codec/writer.hpp"

namespace hsfwd::codec {

void Writer::u16(std::uint16_t value) {
  std::uint8_t raw_bytes[2];
  store_le16(raw_bytes, value);
  raw(raw_bytes);
}

void Writer::u24(std::uint32_t value) {
  std::uint8_t raw_bytes[4];
  store_le32(raw_bytes, value);
  raw(ByteView(raw_bytes, 3));
}

void Writer::u32(std::uint32_t value) {
  std::uint8_t raw_bytes[4];
  store_le32(raw_bytes, value);
  raw(raw_bytes);
}

void Writer::u64(std::uint64_t value) {
  ok_ = ok_ && value <= kMaxInteger;
  std::uint8_t raw_bytes[8];
  store_le64(raw_bytes, value);
  raw(raw_bytes);
}

void Writer::uint(std::uint64_t value) {
  if (value < 0xfd) {
    u8(static_cast<std::uint8_t>(value));
  } else if (value <= 0xffff) {
    u8(0xfd);
    u16(static_cast<std::uint16_t>(value));
  } else if (value <= 0xffffffff) {
    u8(0xfe);
    u32(static_cast<std::uint32_t>(value));
  } else {
    u8(0xff);
    u64(value);
  }
}

void Writer::integer(std::int64_t value) {
  const auto n = static_cast<std::uint64_t>(value < 0 ? -(value + 1) : value);
  uint(n << 1 | (value < 0 ? 1 : 0));
}

void Writer::buffer(ByteView bytes) {
  uint(bytes.size());
  raw(bytes);
}

void Writer::ipv4(const net::Address& address) {
  for (int i = 0; i < 4; ++i) u8(address.host.octet(i));
  u16(address.port);
}

void Writer::ipv6(const net::Ipv6Address& address) {
  raw(address.host);
  u16(address.port);
}

void Writer::ipv4_array(std::span<const net::Address> addresses) {
  uint(addresses.size());
  for (const net::Address& address : addresses) ipv4(address);
}

}  // namespace hsfwd::codec
