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
  /// Whether the peer has been told that everybody reaches it.
  enum class Reachable { kUnknown, kYes };

  Home(Swarm& swarm, std::uint8_t number, const sim::NatProfile& profile,
       const sim::LinkProfile& link = {}, Reachable reachable = Reachable::kUnknown)
      : inside(swarm.world.add_segment(1)),
        nat(swarm.world, inside, swarm.world.core(), {net::Ipv4::of(81, number, 1, 1)}, profile,
            link, number),
        peer(swarm.world.add_host(inside, net::Ipv4::of(192, 168, number, 2)),
             options(swarm, number, reachable)) {
    REQUIRE(swarm.world.run_until([&] { return peer.dht().bootstrapped(); }, 30_s));
  }
  static DhtOptions options(Swarm& swarm, std::uint8_t number, Reachable reachable) {
    DhtOptions out;
    out.node.firewalled = reachable == Reachable::kUnknown;
    out.node.bootstrap = swarm.bootstrap;
    out.key_pair = swarm.keys(number);
    return out;
  }
  sim::Segment& inside;
  sim::Nat nat;
  Peer peer;
};

}  // namespace hsfwd::hyperdht
