// SPDX-License-Identifier: Apache-2.0
// The host in the tunnel that answers for names: DNS as packets, docs/protocol/network.md section 4.
// It has an address, no socket, and everything but its one port is closed. For the programs of this host alone: packets
// to or from its address that come from peers are dropped by whoever takes them.
#pragma once

#include <optional>
#include <vector>

#include "ip/packet.hpp"
#include "overlay/name_forwarder.hpp"
#include "resolver/responder.hpp"
#include "util/time.hpp"
#include "util/token_bucket.hpp"

namespace hsfwd::overlay {

/// fdae:7d21:d73d::53. No key has it, but for one in 2^80.
ip::Ipv6 name_server_address();

class NameServer {
 public:
  /// Bytes for an answer: the smallest packet that every IPv6 link carries.
  static constexpr std::size_t kRoom = 1280;

  /// `addresses`: those that it has, name_server_address() if there is no reason for another.
  NameServer(std::vector<ip::Ipv6> addresses, Random& random)
      : addresses_(std::move(addresses)), forwarder_(random) {}

  /// From now on these. `networks`: those whose reverse zones are ours.
  void set_names(std::vector<resolver::NamedPeer> peers, std::vector<ip::Prefix> networks);

  bool has_address(const ip::Ipv6& host) const;
  /// Who is asked for names that are not ours: see NameForwarder::set_servers. Without any such names are refused.
  void set_forwarding(std::vector<ip::Ipv6> servers, std::vector<ip::Ipv6> own);

  struct Reply {
    MutableBytes packet;   // empty: there is none
    bool to_peer = false;  // a question that a server in the network is to be asked
  };
  /// To a packet to one of its addresses, in `room` of kRoom bytes.
  Reply answer(const ip::Packet& packet, Instant now, MutableBytes room);
  /// Of questions that were passed on: see NameForwarder::answer.
  NameForwarder& forwarder() { return forwarder_; }

  std::uint64_t queries() const { return queries_; }
  /// What had no answer because there were too many.
  std::uint64_t dropped() const { return dropped_; }

 private:
  // A start of many programs at once asks some hundred questions; an answer takes some microseconds of the one thread.
  static constexpr TokenRate kQueryRate{.per_second = 2000, .capacity = 500};
  // As Linux limits what it says by ICMP (net.ipv4.icmp_msgs_per_sec, icmp_msgs_burst).
  static constexpr TokenRate kOtherRate{.per_second = 1000, .capacity = 50};

  Reply answer_query(const ip::Packet& packet, Instant now, MutableBytes room);
  MutableBytes answer_other(const ip::Packet& packet, MutableBytes room);

  const std::vector<ip::Ipv6> addresses_;
  std::optional<resolver::Responder> responder_;  // none: no names yet
  NameForwarder forwarder_;
  TokenBucket query_bucket_{kQueryRate};
  TokenBucket other_bucket_{kOtherRate};
  std::uint64_t queries_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace hsfwd::overlay
