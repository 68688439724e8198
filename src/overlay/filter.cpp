// SPDX-License-Identifier: Apache-2.0
#include "overlay/filter.hpp"

#include <algorithm>

#include "overlay/quote.hpp"

namespace hsfwd::overlay {

namespace {

using ip::Packet;
using Traffic = PortRule::Traffic;

bool is_later_fragment(const Packet& packet) {
  return packet.fragment && !packet.first_fragment;
}

bool opens(const Packet& packet) {
  const std::uint8_t flags = packet.tcp_flags & (ip::tcp_flag::kSyn | ip::tcp_flag::kAck);
  return flags == ip::tcp_flag::kSyn;
}

Traffic traffic_of(std::uint8_t protocol) {
  return protocol == ip::protocol::kTcp ? Traffic::kTcp : Traffic::kUdp;
}

Flow flow_of(const ip::Ipv6& ours, const ip::Ipv6& theirs, std::uint8_t protocol,
             std::uint16_t our_port, std::uint16_t their_port) {
  return {.ours = ours,
          .theirs = theirs,
          .our_port = our_port,
          .their_port = their_port,
          .protocol = protocol};
}

Step tcp_step(const Packet& packet) {
  if (opens(packet)) return Step::kBegin;
  if ((packet.tcp_flags & ip::tcp_flag::kSyn) != 0) return Step::kAccept;
  const bool ends = (packet.tcp_flags & (ip::tcp_flag::kFin | ip::tcp_flag::kRst)) != 0;
  return ends ? Step::kEnd : Step::kGoOn;
}

/// Of a packet that is no error and no later fragment.
bool may_begin(const PortRules& rules, const Packet& packet) {
  if (packet.ports) return rules.port(traffic_of(packet.protocol), packet.ports->destination);
  const auto echo = echo_of(packet.protocol, packet.upper());
  return echo && !echo->is_reply && rules.ping();
}

bool is_answer(const Conversations& conversations, const Packet& packet, Instant now) {
  if (packet.ports) {
    if (packet.is_tcp() && opens(packet)) return false;
    return conversations.contains(flow_of(packet.destination, packet.source, packet.protocol,
                                          packet.ports->destination, packet.ports->source),
                                  now);
  }
  const auto echo = echo_of(packet.protocol, packet.upper());
  if (!echo || !echo->is_reply) return false;
  return conversations.contains(
      flow_of(packet.destination, packet.source, packet.protocol, echo->id, 0), now);
}

/// Whether this host sends such packets to the peer: as an answer to what a rule allows, or because it
/// has begun.
bool is_sent(const PortRules& rules, const Conversations& conversations, const Quote& quote,
             Instant now) {
  if (quote.ports) {
    return rules.port(traffic_of(quote.protocol), quote.ports->source) ||
           conversations.contains(flow_of(quote.source, quote.destination, quote.protocol,
                                          quote.ports->source, quote.ports->destination),
                                  now);
  }
  if (!quote.echo) return false;
  if (quote.echo->is_reply) return rules.ping();
  return conversations.contains(
      flow_of(quote.source, quote.destination, quote.protocol, quote.echo->id, 0), now);
}

}  // namespace

PassedFragments::Datagram PassedFragments::datagram_of(const Packet& fragment) {
  const bool v4 = fragment.family() == ip::Family::kIpv4;
  return {.source = fragment.source,
          .destination = fragment.destination,
          .id = fragment.fragment_id,
          .protocol = v4 ? fragment.protocol : std::uint8_t{0}};
}

void PassedFragments::note(const Packet& first, Instant now) {
  places_[next_] = Place{datagram_of(first), now + kLifetime};
  next_ = (next_ + 1) % kMax;
}

bool PassedFragments::contains(const Packet& later, Instant now) const {
  const Datagram datagram = datagram_of(later);
  return std::any_of(places_.begin(), places_.end(), [&](const Place& place) {
    return place.until && now <= *place.until && place.datagram == datagram;
  });
}

void Filter::set_rules(const crypto::PublicKey& peer, PortRules rules) {
  Peer& entry = peers_.try_emplace(peer, secret_, limits_).first->second;
  entry.rules = std::move(rules);
  entry.fragments = PassedFragments();
}

Filter::Peer* Filter::find(const crypto::PublicKey& key) {
  const auto found = peers_.find(key);
  return found == peers_.end() ? nullptr : &found->second;
}

void Filter::note_outbound(const crypto::PublicKey& peer, const Packet& packet, Instant now) {
  Peer* const found = find(peer);
  if (found == nullptr || found->rules.everything() || is_later_fragment(packet)) return;
  Conversations& conversations = found->conversations;
  if (packet.ports) {
    const auto [ours, theirs] = *packet.ports;
    // An answer to what a rule allows is no beginning: it would outlive the rule.
    if (found->rules.port(traffic_of(packet.protocol), ours)) return;
    conversations.note(flow_of(packet.source, packet.destination, packet.protocol, ours, theirs),
                       packet.is_tcp() ? tcp_step(packet) : Step::kDatagram, now);
    return;
  }
  const auto echo = echo_of(packet.protocol, packet.upper());
  if (!echo || echo->is_reply) return;
  conversations.note(flow_of(packet.source, packet.destination, packet.protocol, echo->id, 0),
                     Step::kEcho, now);
}

Verdict Filter::judge_error(const crypto::PublicKey& key, const Peer* peer, const Packet& packet,
                            Instant now) const {
  // Errors are never so large that they are cut.
  if (packet.fragment) return Verdict::kError;
  const auto quote = quote_of(packet);
  if (!quote || quote->source != packet.destination) return Verdict::kError;
  // Of what goes to others it knows nothing, and may want them to be thought gone, or far.
  if (!routes_.owns(key, quote->destination)) return Verdict::kError;
  if (peer == nullptr || peer->rules.everything()) return Verdict::kPass;
  const bool sent = is_sent(peer->rules, peer->conversations, *quote, now);
  return sent ? Verdict::kPass : Verdict::kError;
}

Verdict Filter::judge_inbound(const crypto::PublicKey& peer, const Packet& packet, Instant now) {
  Peer* const found = find(peer);
  if (is_error(packet)) return judge_error(peer, found, packet, now);
  if (found == nullptr || found->rules.everything()) return Verdict::kPass;
  if (is_later_fragment(packet)) {
    return found->fragments.contains(packet, now) ? Verdict::kPass : Verdict::kFragment;
  }
  if (!may_begin(found->rules, packet) && !is_answer(found->conversations, packet, now)) {
    return Verdict::kNotAllowed;
  }
  if (packet.first_fragment) found->fragments.note(packet, now);
  return Verdict::kPass;
}

}  // namespace hsfwd::overlay
