// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/nat.hpp"
#include "swarm.hpp"

namespace hsfwd::hyperdht {

inline const sim::NatProfile kConsistentNat{.ports = sim::PortAssignment::kPreserving};
inline const sim::NatProfile kRandomNat{.mapping = sim::NatBehavior::kAddressAndPortDependent,
                                        .ports = sim::PortAssignment::kRandom};

/// A network behind a NAT, with one peer in it.
struct Home {
  Home(Swarm& swarm, std::uint8_t number, const sim::NatProfile& profile)
      : inside(swarm.world.add_segment(1)),
        nat(swarm.world, inside, swarm.world.core(), {net::Ipv4::of(81, number, 1, 1)}, profile, {},
            number),
        peer(swarm.world.add_host(inside, net::Ipv4::of(192, 168, number, 2)),
             options(swarm, number)) {
    HSFWD_CHECK(swarm.world.run_until([&] { return peer.dht().bootstrapped(); }, 30_s));
  }
  static DhtOptions options(Swarm& swarm, std::uint8_t number) {
    DhtOptions out;
    out.node.bootstrap = swarm.bootstrap;
    out.key_pair = swarm.keys(number);
    return out;
  }
  sim::Segment& inside;
  sim::Nat nat;
  Peer peer;
};

}  // namespace hsfwd::hyperdht
