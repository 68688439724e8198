// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ip/packet.hpp"

namespace hsfwd::ip {

/// Lowers the segment size that a TCP SYN announces to what fits into packets of `mtu` bytes, so that neither side
/// sends what the path does not carry, and corrects the checksum. `packet` is a view of `bytes`. True if something
/// was changed. Sizes count neither IP's nor TCP's options, as RFC 6691 has it.
bool clamp_mss(const Packet& packet, MutableBytes bytes, std::size_t mtu);

}  // namespace hsfwd::ip
