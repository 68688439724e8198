// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>
#include <type_traits>

#include "codec/reader.hpp"

namespace hsfwd::codec {

/// Appends fields in compact-encoding to a buffer; integers take their shortest form. An integer
/// above 2^53 - 1 cannot be written: ok() turns false and what is in the buffer is of no use.
class Writer {
 public:
  explicit Writer(Bytes& out) : out_(out) {}

  bool ok() const { return ok_; }

  void uint(std::uint64_t value);
  void integer(std::int64_t value);
  void u8(std::uint8_t value) { out_.push_back(value); }
  void u16(std::uint16_t value);
  void u24(std::uint32_t value);
  void u32(std::uint32_t value);
  void u64(std::uint64_t value);
  void boolean(bool value) { u8(value ? 1 : 0); }
  void raw(ByteView bytes) { append(out_, bytes); }
  void buffer(ByteView bytes);
  void string(std::string_view text) { buffer(as_bytes(text)); }
  void ipv4(const net::Address& address);
  void ipv6(const net::Ipv6Address& address);
  void ipv4_array(std::span<const net::Address> addresses);

  template <class Enum>
  void number(Enum value) {
    static_assert(std::is_same_v<std::underlying_type_t<Enum>, std::uint64_t>);
    uint(static_cast<std::uint64_t>(value));
  }

  template <class Tag, std::size_t N>
  void fixed(const FixedBytes<Tag, N>& value) {
    raw(value.view());
  }

 private:
  Bytes& out_;
  bool ok_ = true;
};

/// A message as bytes: `encode([&](Writer& w) { ... })`.
template <class F>
Bytes encode(F&& write) {
  Bytes out;
  Writer writer(out);
  write(writer);
  return out;
}

}  // namespace hsfwd::codec
