// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "udx/packet.hpp"

namespace hsfwd::udx {

/// What the peer is ready to hold of what it is sent, as it last said. Packets overtake each other:
/// the window of an older one is not taken.
class RemoteWindow {
 public:
  std::uint32_t bytes() const { return bytes_; }
  bool closed() const { return bytes_ == 0; }

  /// True when it was closed and is open now.
  bool take(const Header& h) {
    const bool newer = !known_ || h.seq > seq_ || (h.seq == seq_ && h.ack >= ack_);
    if (!newer) return false;
    known_ = true;
    seq_ = h.seq;
    ack_ = h.ack;
    const bool was_closed = closed();
    bytes_ = h.window;
    return was_closed && !closed();
  }

 private:
  // What is assumed before anything was heard; upstream's default.
  static constexpr std::uint32_t kAssumed = 4 * 1024 * 1024;

  std::uint32_t bytes_ = kAssumed;
  SeqNo seq_;  // of the packet that the window was last taken from
  SeqNo ack_;
  bool known_ = false;
};

}  // namespace hsfwd::udx
