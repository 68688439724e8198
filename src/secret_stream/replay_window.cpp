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

bool ReplayWindow::has(std::uint64_t counter) const {
  if (counter > highest_) return false;
  return highest_ - counter >= kSize || (words_[word_of(counter)] & bit_of(counter)) != 0;
}

bool ReplayWindow::take(std::uint64_t counter) {
  if (has(counter)) return false;
  if (counter > highest_) advance_to(counter);
  words_[word_of(counter)] |= bit_of(counter);
  return true;
}

}  // namespace hsfwd::secret_stream
