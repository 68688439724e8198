// SPDX-License-Identifier: Apache-2.0
// What peers may send in. A peer with rules (port_rules.hpp) may begin what they name, and answer what
// this host has begun with it; one without may begin anything.
//
// That the source of a packet is an address of its peer is checked before (Routes::owns).
//
// TCP has no state here but who opened it. Others let every packet pass that does not open a connection, since
// a host answers a stray one with a reset (Tailscale's filter does). But then a peer can tell
// open ports from closed ones by the answer or its absence, and a port whose queue of openings has overflowed takes an
// acknowledgement with the right cookie for an opening (RFC 4987 section 3.6). So a packet of
// TCP passes if its port is named, or if this host has sent the opening of its connection; one that opens passes
// only by a rule, even where this host has: a program may listen at the port that it calls from.
//
// Conversations that other peers have, or that began before there were rules, do not count.
#pragma once

#include <array>
#include <optional>
#include <unordered_map>

#include "crypto/keys.hpp"
#include "ip/packet.hpp"
#include "overlay/conversations.hpp"
#include "overlay/port_rules.hpp"
#include "overlay/routes.hpp"
#include "util/random.hpp"

namespace hsfwd::overlay {

enum class Verdict : std::uint8_t {
  kPass,
  kNotAllowed,  // no rule names it, and nothing that this host began
  kFragment,    // a later piece of what has not passed
  kError,       // an ICMP error about what this host does not send to the peer, or about nothing
};

/// Datagrams whose first fragment has passed. A later one has no ports to go by, and passes behind its
/// first, or a peer could fill the memory in which all peers' fragments wait to be whole. One that
/// comes ahead of its first is lost.
class PassedFragments {
 public:
  void note(const ip::Packet& first, Instant now);
  bool contains(const ip::Packet& later, Instant now) const;

 private:
  /// Datagrams at once. Pieces of one leave in one go, so that few are under way.
  static constexpr std::size_t kMax = 16;
  /// How long Linux waits for the rest (net.ipv4.ipfrag_time).
  static constexpr Duration kLifetime = 30_s;

  struct Datagram {
    ip::Ipv6 source;
    ip::Ipv6 destination;
    std::uint32_t id = 0;
    std::uint8_t protocol = 0;  // IPv4: pieces of others have the same number. IPv6: 0
    bool operator==(const Datagram&) const = default;
  };
  struct Place {
    Datagram datagram;
    std::optional<Instant> until;
  };
  static Datagram datagram_of(const ip::Packet& fragment);

  std::array<Place, kMax> places_;  // taken in turns
  std::size_t next_ = 0;
};

class Filter {
 public:
  /// `routes` says whose what an ICMP error is about is, and lives as long.
  Filter(const Routes& routes, Random& random, const ConversationLimits& limits = {})
      : routes_(routes), secret_(random.u64()), limits_(limits) {}

  /// Whatever the peer had: from now on these. What this host has begun stays begun.
  void set_rules(const crypto::PublicKey& peer, PortRules rules);
  /// The peer may send anything again, and what it did is forgotten.
  void remove_rules(const crypto::PublicKey& peer) { peers_.erase(peer); }

  /// A packet that this host sends to the peer.
  void note_outbound(const crypto::PublicKey& peer, const ip::Packet& packet, Instant now);
  /// Of a packet that the peer sends. Allocates nothing.
  Verdict judge_inbound(const crypto::PublicKey& peer, const ip::Packet& packet, Instant now);

 private:
  struct Peer {
    Peer(std::uint64_t secret, const ConversationLimits& limits) : conversations(secret, limits) {}
    PortRules rules;
    Conversations conversations;
    PassedFragments fragments;
  };
  /// Null for one without rules.
  Peer* find(const crypto::PublicKey& key);
  Verdict judge_error(const crypto::PublicKey& key, const Peer* peer, const ip::Packet& packet,
                      Instant now) const;

  const Routes& routes_;
  const std::uint64_t secret_;
  const ConversationLimits limits_;
  std::unordered_map<crypto::PublicKey, Peer, SeededHash> peers_{0, SeededHash{secret_}};
};

}  // namespace hsfwd::overlay
