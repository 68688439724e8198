// SPDX-License-Identifier: Apache-2.0
// A network address translator, in the words of RFC 4787.
//
//   hosts ── segment (inside) ── Nat ──link── segment (outside: the core, or a carrier's 100.64/10)
//
// A mapping joins an inside endpoint to an outer one. How many destinations share it is the mapping
// behaviour; which of them may answer through it is the filtering behaviour.
#pragma once

#include <unordered_map>
#include <vector>

#include "sim/world.hpp"

namespace hsfwd::sim {

/// RFC 4787 sections 4.1 (mapping) and 5 (filtering).
enum class NatBehavior { kEndpointIndependent, kAddressDependent, kAddressAndPortDependent };

/// RFC 4787 section 4.2: which outer port a new mapping gets.
enum class PortAssignment {
  kPreserving,   // the inside port if it is free, else a random one
  kOverloading,  // the inside port as long as no other mapping has it towards the same destination,
                 // which is what Linux masquerading does
  kParity,       // a random port, even for even and odd for odd
  kSequential,   // one up from the last
  kRandom,
};

struct NatProfile {
  NatBehavior mapping = NatBehavior::kEndpointIndependent;
  NatBehavior filtering = NatBehavior::kAddressAndPortDependent;
  PortAssignment ports = PortAssignment::kPreserving;
  /// A mapping, and each destination's right to answer, lives this long after the last use.
  Duration lifetime = 120_s;
  bool refresh_by_inbound = false;  // RFC 4787 REQ-6; going out always refreshes
  /// If not 0, it ends that long after it was made, whatever flows, up to a quarter earlier or later: as with some
  /// carriers.
  Duration max_age;
  /// Inside hosts reach each other through outer endpoints, and see the sender's outer one.
  bool hairpin = false;
  /// All mappings of an inside host get the same outer address of the pool.
  bool paired = true;
  std::size_t max_mappings = 64'000;  // new ones are refused above
};

struct NatStats {
  std::uint64_t created = 0;
  std::uint64_t filtered = 0;  // came in and were not let through
  std::uint64_t refused = 0;   // went out and found no mapping, the table being full
  std::uint64_t expired = 0;   // ttl used up here
};

class Nat final : public Gateway, public Station {
 public:
  /// Becomes the gateway of `inside`, with all addresses of `pool` on one cable to `outside`.
  Nat(World& world, Segment& inside, Segment& outside, std::vector<Ipv4> pool,
      const NatProfile& profile, const LinkProfile& link, std::uint64_t seed);
  ~Nat() override;

  /// Loses all mappings.
  void reboot();
  /// Takes other outer addresses, as after a new lease; the mappings go with the old ones.
  void set_pool(std::vector<Ipv4> pool);
  void set_profile(const NatProfile& profile) { profile_ = profile; }
  const NatProfile& profile() const { return profile_; }

  Ipv4 address() const { return pool_.front(); }
  Link& link() { return link_; }
  /// Mappings that still hold.
  std::size_t mappings() const;
  const NatStats& stats() const { return stats_; }

  void outbound(Packet packet) override;
  void receive(Packet packet) override;

 private:
  struct Key {
    Address inside;
    Address destination;  // as far as the mapping depends on it
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      return std::hash<Address>()(key.inside) * 31 + std::hash<Address>()(key.destination);
    }
  };
  struct Mapping {
    Key key;
    Address outer;
    Instant expires;
    Instant ends;
    std::unordered_map<Address, Instant> permitted;  // until when; addresses cut as filtering is
  };

  static Address cut(const Address& address, NatBehavior behavior);
  bool is_outer(Ipv4 host) const;
  Mapping* mapping_for(const Address& inside, const Address& destination);
  Instant end_of_new();
  void touch(Mapping& mapping, const Address& destination);
  bool permits(const Mapping& mapping, const Address& from) const;
  Ipv4 outer_host_for(Ipv4 inside);
  std::optional<Address> assign(const Address& inside, const Address& destination);
  bool is_free(const Address& outer, const Address& destination) const;
  void drop_expired();
  void erase(Mapping& mapping);
  void attach();
  void detach();
  void inbound(Packet packet);

  World& world_;
  Segment& inside_;
  Segment& outside_;
  std::vector<Ipv4> pool_;
  NatProfile profile_;
  Link link_;
  SeededRandom random_;
  std::unordered_map<Key, std::unique_ptr<Mapping>, KeyHash> mappings_;
  std::unordered_multimap<Address, Mapping*> by_outer_;
  std::unordered_map<Ipv4, Ipv4> pairs_;
  std::uint16_t next_port_;
  NatStats stats_;
};

}  // namespace hsfwd::sim
