// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <optional>

namespace hsfwd::udx {

/// What a stream has to tell its observer, in the order in which it is told.
enum class Event : std::uint8_t {
  kData,
  kMessages,
  kRemoteChanged,
  kStalled,
  kPathProven,
  kAcknowledged,
  kEnd,
  kWritable,
  kMtuChanged,
  kProbeWanted,
  kMessagesWritable,
  kClosed,
};

/// The set of events that wait to be told. Raised twice, an event is told once.
class Events {
 public:
  void raise(Event event) { waiting_ = static_cast<std::uint16_t>(waiting_ | bit(event)); }
  bool has(Event event) const { return (waiting_ & bit(event)) != 0; }
  bool empty() const { return waiting_ == 0; }
  void clear() { waiting_ = 0; }

  /// Takes out the first in the order above.
  std::optional<Event> take_first() {
    if (empty()) return std::nullopt;
    const auto first = static_cast<Event>(std::countr_zero(waiting_));
    waiting_ = static_cast<std::uint16_t>(waiting_ & ~bit(first));
    return first;
  }

 private:
  static constexpr std::uint16_t bit(Event event) {
    return static_cast<std::uint16_t>(1U << static_cast<unsigned>(event));
  }

  std::uint16_t waiting_ = 0;
};

}  // namespace hsfwd::udx
