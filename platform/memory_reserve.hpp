// SPDX-License-Identifier: Apache-2.0
// When an allocation fails, what it was for has to be given up, and that takes a little memory
// itself: for the words to the peer, an event, a log line. It is kept back here.
#pragma once

#include <cstddef>
#include <functional>

namespace hsfwd::platform {

/// From now on the first allocation that fails sets the reserve free and throws std::bad_alloc, and
/// so does each later one. One at a time in a process.
class MemoryReserve {
 public:
  /// `on_used` is called by restore().
  explicit MemoryReserve(std::function<void()> on_used);
  ~MemoryReserve();
  MemoryReserve(const MemoryReserve&) = delete;
  MemoryReserve& operator=(const MemoryReserve&) = delete;

  /// If an allocation has failed: puts the reserve back, if there is memory again, and tells.
  void restore();

 private:
  const std::function<void()> on_used_;
};

/// How much memory this process may come to use: that of the machine, of its control group, or of
/// its resource limits, which is least. Bytes.
std::size_t available_memory();

}  // namespace hsfwd::platform
