// SPDX-License-Identifier: Apache-2.0
#include "secret_stream/replay_window.hpp"

#include <algorithm>

namespace hsfwd::secret_stream {

/// Words between the highest counter so far and the new one begin anew.
void ReplayWindow::advance_to(std::uint64_t counter) {
  const std::uint64_t from = highest_ / kWordBits;
  const std::uint64_t words = std::min(counter / kWordBits - from, kWords);
  for (std::uint64_t i = 1; i <= words; ++i) words_[(from + i) % kWords] = 0;
  highest_ = counter;
}

bool ReplayWindow::take(std::uint64_t counter) {
  if (counter > highest_) {
    advance_to(counter);
  } else if (highest_ - counter >= kSize) {
    return false;
  }
  const std::uint64_t bit = std::uint64_t{1} << counter % kWordBits;
  std::uint64_t& word = word_of(counter);
  const bool seen = (word & bit) != 0;
  word |= bit;
  return !seen;
}

}  // namespace hsfwd::secret_stream
