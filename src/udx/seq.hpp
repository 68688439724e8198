// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace hsfwd::udx {

/// Number of a packet in one direction of a stream. Numbers count packets, not bytes, wrap around at
/// 2^32 and are ordered by their signed difference.
struct SeqNo {
  std::uint32_t value = 0;

  constexpr SeqNo next() const { return {value + 1}; }
  constexpr SeqNo operator+(std::uint32_t n) const { return {value + n}; }
  constexpr std::int32_t operator-(SeqNo o) const {
    return static_cast<std::int32_t>(value - o.value);
  }
  constexpr bool operator==(const SeqNo&) const = default;
  constexpr bool operator<(SeqNo o) const { return *this - o < 0; }
  constexpr bool operator>(SeqNo o) const { return o < *this; }
  constexpr bool operator<=(SeqNo o) const { return !(o < *this); }
  constexpr bool operator>=(SeqNo o) const { return !(*this < o); }
};

/// Packets start to end-1, received above a gap.
struct SeqRange {
  SeqNo start;
  SeqNo end;
  constexpr bool operator==(const SeqRange&) const = default;
};

/// Names a stream at its receiver; ids are random, unique in one mux, and any value is legal.
struct StreamId {
  std::uint32_t value = 0;
  constexpr bool operator==(const StreamId&) const = default;
};

}  // namespace hsfwd::udx
