// SPDX-License-Identifier: Apache-2.0
// Which counters of the other side's messages have come: each is taken once (RFC 6479).
#pragma once

#include <array>
#include <cstdint>

namespace hsfwd::secret_stream {

class ReplayWindow {
 public:
  /// Counters as far as this below the highest are still told apart; those further below count as
  /// seen.
  static constexpr std::uint64_t kSize = 8192;

  /// It has come before, or may have.
  bool has(std::uint64_t counter) const;
  /// False if it has come before, or may have. To be asked only of counters that have
  /// authenticated, since it takes them.
  bool take(std::uint64_t counter);

 private:
  static constexpr std::uint64_t kWordBits = 64;
  // One word more than the window has, so that its lower edge may lie inside a word.
  static constexpr std::uint64_t kWords = kSize / kWordBits + 1;

  static constexpr std::uint64_t bit_of(std::uint64_t counter) {
    return std::uint64_t{1} << counter % kWordBits;
  }
  static constexpr std::uint64_t word_of(std::uint64_t counter) {
    return counter / kWordBits % kWords;
  }
  void advance_to(std::uint64_t counter);

  std::array<std::uint64_t, kWords> words_{};
  std::uint64_t highest_ = 0;
};

}  // namespace hsfwd::secret_stream
