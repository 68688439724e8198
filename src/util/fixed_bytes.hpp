// SPDX-License-Identifier: Apache-2.0
// Byte strings of a fixed length that are told apart by type: a NodeId is no PublicKey.
#pragma once

#include <array>
#include <compare>
#include <optional>

#include "util/bytes.hpp"

namespace hsfwd {

template <class Tag, std::size_t N>
struct FixedBytes {
  static constexpr std::size_t kSize = N;

  std::array<std::uint8_t, N> bytes{};

  /// Copies the first N bytes of `from`, which has at least as many.
  static FixedBytes from(ByteView from) {
    FixedBytes out;
    std::memcpy(out.bytes.data(), from.data(), N);
    return out;
  }
  /// Nothing unless `from` has exactly N bytes.
  static std::optional<FixedBytes> from_exact(ByteView from) {
    if (from.size() != N) return std::nullopt;
    return FixedBytes::from(from);
  }

  ByteView view() const { return bytes; }
  MutableBytes mutable_view() { return bytes; }
  std::uint8_t* data() { return bytes.data(); }
  const std::uint8_t* data() const { return bytes.data(); }

  auto operator<=>(const FixedBytes&) const = default;
};

/// For hash maps whose keys strangers choose: without the seed nobody can make them collide.
struct SeededHash {
  std::uint64_t seed = 0;

  template <class Tag, std::size_t N>
  std::size_t operator()(const FixedBytes<Tag, N>& value) const {
    static_assert(N % 8 == 0);
    std::uint64_t h = seed;
    for (std::size_t i = 0; i < N; i += 8) {
      h = (h ^ load_le64(value.data() + i)) * 0x9fb21c651e98df25ULL;
      h ^= h >> 32;
    }
    return static_cast<std::size_t>(h);
  }
};

}  // namespace hsfwd
