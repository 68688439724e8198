// SPDX-License-Identifier: Apache-2.0
// A DHT on the public internet, and places around it whose NATs are of the kinds there are:
//
//   DHT nodes ──┐
//   public ─────┤
//               ├─ core, 20 ms from edge to edge, loses what it is told to
//   home ─ NAT ─┤
//   home ─ NAT ─ 100.64/10 ─ carrier's NAT ─┘
#pragma once

#include "sim/nat.hpp"
#include "unit/hyperdht/swarm.hpp"

namespace hsfwd::scenarios {

using hyperdht::Peer;
using hyperdht::SocketRecorder;
using hyperdht::Swarm;

enum class Kind {
  kPublic,
  kFullCone,        // one mapping for all, open to all
  kRestrictedCone,  // one mapping for all, open to hosts that were written to
  kConsistent,      // one mapping for all, open to endpoints that were written to
  kMasquerade,      // a mapping for each endpoint, of the same port as long as that is free: Linux
  kRandom,          // a mapping for each endpoint, of a random port
  kCgnat,           // a consistent home behind a consistent carrier
  kCgnatRandom,     // a consistent home behind a random carrier
};
inline constexpr Kind kAllKinds[] = {Kind::kPublic,     Kind::kFullCone,   Kind::kRestrictedCone,
                                     Kind::kConsistent, Kind::kCgnat,      Kind::kMasquerade,
                                     Kind::kRandom,     Kind::kCgnatRandom};

inline const char* to_string(Kind kind) {
  switch (kind) {
    case Kind::kPublic:
      return "public";
    case Kind::kFullCone:
      return "full cone";
    case Kind::kRestrictedCone:
      return "restricted";
    case Kind::kConsistent:
      return "consistent";
    case Kind::kMasquerade:
      return "masquerade";
    case Kind::kRandom:
      return "random";
    case Kind::kCgnat:
      return "cgnat";
    case Kind::kCgnatRandom:
      return "cgnat-random";
  }
  return "";
}
inline bool is_random(Kind kind) {
  return kind == Kind::kRandom || kind == Kind::kCgnatRandom;
}

/// Lets in packets of ports that nothing was sent to.
inline bool is_lenient(Kind kind) {
  return kind == Kind::kFullCone || kind == Kind::kRestrictedCone;
}

/// The NAT towards the internet in a place of that kind.
inline sim::NatProfile nat_profile(Kind kind) {
  using enum sim::NatBehavior;
  sim::NatProfile profile;
  switch (kind) {
    case Kind::kFullCone:
      profile.filtering = kEndpointIndependent;
      break;
    case Kind::kRestrictedCone:
      profile.filtering = kAddressDependent;
      break;
    case Kind::kMasquerade:
      profile.mapping = kAddressAndPortDependent;
      profile.ports = sim::PortAssignment::kOverloading;
      break;
    case Kind::kRandom:
    case Kind::kCgnatRandom:
      profile.mapping = kAddressAndPortDependent;
      profile.ports = sim::PortAssignment::kRandom;
      break;
    default:
      break;
  }
  return profile;
}

/// Where peers live: a segment, and the NATs between it and the core.
struct Place {
  sim::Segment* segment = nullptr;
  sim::Nat* home = nullptr;
  sim::Nat* carrier = nullptr;
  std::uint8_t hosts = 0;

  /// The NAT that shows its address to the internet.
  sim::Nat& outer() { return carrier != nullptr ? *carrier : *home; }
};

class Lab {
 public:
  explicit Lab(std::uint64_t seed, std::size_t nodes = 16) : swarm(seed), world(swarm.world) {
    core_link.delay = 10_ms;
    lan_link.delay = 500_us;
    swarm.nodes.front()->host().link().set_profile(core_link);
    swarm.grow_to(nodes, core_link);
  }

  Place add_place(Kind kind) {
    Place place;
    if (kind == Kind::kPublic) {
      place.segment = &world.core();
    } else if (kind == Kind::kCgnat || kind == Kind::kCgnatRandom) {
      sim::Segment& carrier = add_carrier(place, nat_profile(kind));
      add_home(place, carrier, {});
    } else {
      place.segment = &world.add_segment(0);
      place.home = &world.add_nat(*place.segment, world.core(), {public_address()},
                                  nat_profile(kind), core_link);
    }
    return place;
  }
  /// A carrier's network. Its NAT becomes the place's.
  sim::Segment& add_carrier(Place& place, const sim::NatProfile& profile) {
    sim::Segment& segment = world.add_segment(1);
    place.carrier = &world.add_nat(segment, world.core(), {public_address()}, profile, core_link);
    return segment;
  }
  void add_home(Place& place, sim::Segment& carrier, const sim::NatProfile& profile) {
    const auto n = static_cast<std::uint8_t>(++carrier_homes_);
    place.segment = &world.add_segment(0);
    place.home = &world.add_nat(*place.segment, carrier, {net::Ipv4::of(100, 64, 0, n)}, profile,
                                carrier_link);
  }

  /// A participant that starts there; all homes use the same private addresses, as homes do.
  std::unique_ptr<Peer> add_peer(Place& place, const crypto::KeyPair& keys) {
    hyperdht::DhtOptions options;
    options.node.bootstrap = swarm.bootstrap;
    options.key_pair = keys;
    const bool is_public = place.home == nullptr;
    const net::Ipv4 address = is_public ? public_address() : private_address(place.hosts++);
    return std::make_unique<Peer>(
        world.add_host(*place.segment, address, is_public ? core_link : lan_link),
        std::move(options));
  }
  crypto::KeyPair keys(std::uint32_t n) const {
    crypto::Seed seed;
    store_le32(seed.mutable_view().data(), n);
    return crypto::KeyPair::from_seed(seed);
  }

  net::Ipv4 public_address() {
    return {net::Ipv4::of(80, 0, 0, 1).value + 65'993 * public_addresses_++};
  }
  static net::Ipv4 private_address(std::uint8_t n) {
    return net::Ipv4::of(192, 168, 1, static_cast<std::uint8_t>(2 + n));
  }

  sim::LinkProfile core_link;
  sim::LinkProfile carrier_link;
  sim::LinkProfile lan_link;
  Swarm swarm;
  sim::World& world;

 private:
  std::uint32_t public_addresses_ = 0;
  std::size_t carrier_homes_ = 0;
};

/// A server that greets who comes and keeps the connections.
struct Greeter {
  Greeter(Lab& lab, Peer& peer, const crypto::KeyPair& key_pair,
          hyperdht::ServerOptions options = {})
      : public_key(key_pair.public_key) {
    options.extension = [](const auto&, const auto&) { return hyperdht::Extension{}; };
    server = peer.dht().create_server(std::move(options), [this](auto socket) {
      sockets.push_back(std::make_unique<SocketRecorder>(std::move(socket)));
      sockets.back()->send(to_bytes(as_bytes("hello")), false);
    });
    HSFWD_CHECK(server->listen(key_pair, [this](std::size_t n) { relays = n; }).ok());
    static_cast<void>(lab);
  }
  crypto::PublicKey public_key;
  std::size_t relays = 0;  // that took the last announcement
  std::vector<std::unique_ptr<SocketRecorder>> sockets;
  std::unique_ptr<hyperdht::Server> server;
};

}  // namespace hsfwd::scenarios
