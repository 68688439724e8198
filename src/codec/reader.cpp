// SPDX-License-Identifier: Apache-2.0
#include "codec/reader.hpp"

#include <algorithm>

namespace hsfwd::codec {

ByteView Reader::raw(std::size_t size) {
  if (size > rest_.size()) {
    fail();
    return {};
  }
  const ByteView out = rest_.first(size);
  rest_ = rest_.subspan(size);
  return out;
}

std::uint8_t Reader::u8() {
  const ByteView b = raw(1);
  return ok_ ? b[0] : 0;
}

std::uint16_t Reader::u16() {
  const ByteView b = raw(2);
  return ok_ ? load_le16(b.data()) : 0;
}

std::uint32_t Reader::u24() {
  const ByteView b = raw(3);
  return ok_ ? static_cast<std::uint32_t>(load_le16(b.data()) | b[2] << 16) : 0;
}

std::uint32_t Reader::u32() {
  const ByteView b = raw(4);
  return ok_ ? load_le32(b.data()) : 0;
}

std::uint64_t Reader::u64() {
  const ByteView b = raw(8);
  const std::uint64_t value = ok_ ? load_le64(b.data()) : 0;
  if (value > kMaxInteger) {
    fail();
    return 0;
  }
  return value;
}

std::uint64_t Reader::uint() {
  const std::uint8_t first = u8();
  switch (first) {
    case 0xfd:
      return u16();
    case 0xfe:
      return u32();
    case 0xff:
      return u64();
    default:
      return first;
  }
}

std::int64_t Reader::integer() {
  const std::uint64_t n = uint();
  const auto half = static_cast<std::int64_t>(n >> 1);
  return (n & 1) != 0 ? -half - 1 : half;
}

ByteView Reader::buffer() {
  const std::uint64_t size = uint();
  if (size > rest_.size()) {
    fail();
    return {};
  }
  return raw(static_cast<std::size_t>(size));
}

net::Address Reader::ipv4() {
  const ByteView b = raw(net::Address::kWireSize);
  if (!ok_) return {};
  return {net::Ipv4::of(b[0], b[1], b[2], b[3]), load_le16(b.data() + 4)};
}

net::Ipv6Address Reader::ipv6() {
  const ByteView b = raw(18);
  net::Ipv6Address out;
  if (!ok_) return out;
  std::copy_n(b.begin(), 16, out.host.begin());
  out.port = load_le16(b.data() + 16);
  return out;
}

std::vector<net::Address> Reader::ipv4_array() {
  std::vector<net::Address> out;
  array([&] { out.push_back(ipv4()); });
  return out;
}

}  // namespace hsfwd::codec
