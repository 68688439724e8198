// SPDX-License-Identifier: Apache-2.0
#include "ip/flow.hpp"

#include "ip/network_order.hpp"
#include "util/hash.hpp"

namespace hsfwd::ip {

namespace {

// Where the identifier of an echo stands in ICMP of either family: one program's pings are one flow.
constexpr std::size_t kEchoIdAt = 4;

std::uint64_t within_hosts(const Packet& packet) {
  // A later one does not say more, and would be ahead of the first.
  if (packet.fragment) return 0;
  const std::uint64_t protocol = std::uint64_t{packet.protocol} << 32;
  if (packet.ports) {
    return protocol | std::uint64_t{packet.ports->source} << 16 | packet.ports->destination;
  }
  const ByteView upper = packet.upper();
  const bool icmp = packet.protocol == protocol::kIcmp || packet.protocol == protocol::kIcmpv6;
  return icmp && upper.size() >= kEchoIdAt + 2 ? protocol | load_be16(&upper[kEchoIdAt]) : protocol;
}

}  // namespace

std::uint64_t flow_number(const Packet& packet, std::uint64_t secret) {
  std::uint64_t number = within_hosts(packet);
  for (ByteView rest = packet.addresses(); !rest.empty(); rest = rest.subspan(8)) {
    number = mixed(number, secret) + load_le64(rest.data());
  }
  return mixed(number, secret);
}

}  // namespace hsfwd::ip
