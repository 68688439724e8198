// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/nat/punch_limits.hpp"

namespace hsfwd::hyperdht {

namespace {
// Hosts that are remembered. Those that have got the fewest datagrams are forgotten first.
constexpr std::size_t kHosts = 1024;
}  // namespace

PunchLimits::PunchLimits(Random& random)
    : unconfirmed_(kUnconfirmed, kHosts, random.u64()),
      confirmed_(kConfirmed, kHosts, random.u64()),
      echoes_(kEcho, kHosts, random.u64()) {}

bool PunchLimits::take(net::Ipv4 host, PeerProof proof, Instant now) {
  if (proof == PeerProof::kConfirmed) return confirmed_.try_take(host.value, now, 1);
  return unconfirmed_sum_.level(now) >= 1 && unconfirmed_.try_take(host.value, now, 1) &&
         unconfirmed_sum_.try_take(now, 1);
}

void PunchLimits::give_back(net::Ipv4 host, int datagrams, Instant now) {
  unconfirmed_.take(host.value, now, -datagrams);
}

bool PunchLimits::take_echo(net::Ipv4 host, Instant now) {
  return echo_sum_.level(now) >= 1 && echoes_.try_take(host.value, now, 1) &&
         echo_sum_.try_take(now, 1);
}

}  // namespace hsfwd::hyperdht
