// SPDX-License-Identifier: Apache-2.0
// The Internet checksum (RFC 1071): the ones' complement of the ones' complement sum of 16-bit words.
#pragma once

#include "util/bytes.hpp"

namespace hsfwd::ip {

/// A sum under way. What is added last may have an odd number of bytes, and is then taken as if a zero
/// followed; everything before is of even length.
class Sum {
 public:
  void add(ByteView bytes);
  void add(std::uint16_t value);
  /// Takes away what was added before.
  void subtract(std::uint16_t value) { add(static_cast<std::uint16_t>(~value)); }

  /// The sum itself, as it stands in a field that somebody else completes. 0xffff and not 0 unless
  /// nothing but zeros was added.
  std::uint16_t folded() const;
  /// What belongs in a checksum field.
  std::uint16_t checksum() const { return static_cast<std::uint16_t>(~folded()); }

 private:
  // Of words in the machine's order, which the sum is indifferent to until the end (RFC 1071, section 2B).
  std::uint64_t sum_ = 0;
};

/// The pseudo header of TCP, UDP and ICMPv6. `addresses`: source and destination back to back, as they stand in
/// either family's header; `length` in bytes, of the upper layer with its header.
Sum pseudo_header(ByteView addresses, std::uint8_t protocol, std::size_t length);

/// `checksum` after a word that it covers has changed (RFC 1624, equation 3).
std::uint16_t update_checksum(std::uint16_t checksum, std::uint16_t before, std::uint16_t after);

}  // namespace hsfwd::ip
