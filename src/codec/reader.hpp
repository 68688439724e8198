// SPDX-License-Identifier: Apache-2.0
// compact-encoding: how every message of the network is laid out. All integers little endian.
//
//   uint     0..252: one byte | fd + u16 | fe + u32 | ff + u64, at most 2^53 - 1
//   buffer   uint length, then the bytes
//   array    uint count (at most 2^20), then the elements
//   address  4 octets in text order, then the port as u16
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>
#include <vector>

#include "net/address.hpp"
#include "util/bytes.hpp"
#include "util/fixed_bytes.hpp"

namespace hsfwd::codec {

/// Integers above this are errors, since JavaScript cannot hold them.
inline constexpr std::uint64_t kMaxInteger = (std::uint64_t{1} << 53) - 1;
inline constexpr std::uint64_t kMaxArrayCount = 1 << 20;

/// Reads fields off the front of a message. The first field that does not fit makes the reader fail
/// for good; reads after that return zeros and empty views, and ok() tells. Views point into the
/// message.
class Reader {
 public:
  explicit Reader(ByteView message) : rest_(message) {}

  bool ok() const { return ok_; }
  ByteView rest() const { return rest_; }

  std::uint64_t uint();
  /// Zig-zag form.
  std::int64_t integer();
  std::uint8_t u8();
  std::uint16_t u16();
  std::uint32_t u24();
  std::uint32_t u32();
  /// At most 2^53 - 1.
  std::uint64_t u64();
  /// Only the byte 01 is true.
  bool boolean() { return u8() == 1; }
  ByteView raw(std::size_t size);
  ByteView buffer();
  std::string_view string() { return as_text(buffer()); }
  net::Address ipv4();
  net::Ipv6Address ipv6();
  std::vector<net::Address> ipv4_array();

  /// A number that has names; one without a name is kept as it is.
  template <class Enum>
  Enum number() {
    static_assert(std::is_same_v<std::underlying_type_t<Enum>, std::uint64_t>);
    return static_cast<Enum>(uint());
  }

  template <class Fixed>
  Fixed fixed() {
    const ByteView bytes = raw(Fixed::kSize);
    return ok_ ? Fixed::from(bytes) : Fixed{};
  }

  /// Calls `element()` as often as the array's count says, until one fails.
  template <class F>
  void array(F&& element) {
    const std::uint64_t count = uint();
    if (count > kMaxArrayCount) fail();
    for (std::uint64_t i = 0; i < count && ok_; ++i) element();
  }

  void fail() {
    ok_ = false;
    rest_ = {};
  }

 private:
  ByteView rest_;
  bool ok_ = true;
};

}  // namespace hsfwd::codec
