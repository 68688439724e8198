// SPDX-License-Identifier: Apache-2.0
// Passes the host's DNS questions on to servers in the network, as packets of this host, and what they answer back. It
// has no socket: the ports that it asks from are the interface's, and its answers are taken out of what comes from peers.
//
//   host ── question ──► ask ── with an id and a port of its own ──► server behind a peer
//   host ◄── answer, under the host's id ── answer ◄─────────────── server
//
// UDP only: an answer that is too large for a datagram to the host is truncated, which is told there by DNS's own
// means (RFC 1035 section 4.1.1).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "ip/packet.hpp"
#include "util/random.hpp"
#include "util/time.hpp"

namespace hsfwd::overlay {

class NameForwarder {
 public:
  /// Questions that wait for an answer. Beyond that the oldest have none.
  static constexpr std::size_t kMaxWaiting = 512;
  /// Bytes of a question that is passed on: what every path of IPv6 takes, without its headers.
  static constexpr std::size_t kMaxQuestion = 1232;
  /// Whoever asks has asked again by then, or given up (RFC 9619, systemd-resolved, glibc: 5 s).
  static constexpr Duration kPatience = 5_s;
  /// Without any answer in that time the next server is asked.
  static constexpr Duration kTryNext = 2_s;

  explicit NameForwarder(Random& random) : random_(random) {}

  /// `own`: addresses of this host in the network, of which the first of a server's family asks it. What
  /// waits is forgotten.
  void set_servers(std::vector<ip::Ipv6> servers, std::vector<ip::Ipv6> own);
  bool has_servers() const { return !servers_.empty(); }

  /// The packet that asks a server what `query`, a datagram from the host, asks; in `room`. Empty if nobody can be asked.
  MutableBytes ask(const ip::Packet& query, ByteView message, Instant now, MutableBytes room);

  /// What the host hears of a packet, in `room`: nothing if that is no answer that is waited for, nor an ICMP error about a
  /// question; empty if it is one and there is nothing to hear.
  std::optional<MutableBytes> answer(const ip::Packet& packet, Instant now, MutableBytes room);

  /// The same of a packet of `ask`, of which is known that it does not get there: that the server has failed.
  std::optional<MutableBytes> undeliverable(const ip::Packet& packet, Instant now,
                                            MutableBytes room);

  std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Question {
    ip::Packet about;  // the host's, without its bytes
    Bytes head;        // header of DNS and question
    ip::Ipv6 server;
    Instant until;
  };
  /// Port and id that a question was passed on with.
  using Number = std::uint32_t;

  std::optional<Number> free_number();
  std::optional<MutableBytes> refused(const ip::Packet& error, Instant now, MutableBytes room);
  bool is_own(const ip::Ipv6& host) const;
  void forget_old(Instant now);
  void forget_oldest();
  void choose_server(Instant now);
  std::optional<Question> take(const ip::Ipv6& server, std::uint16_t port, ByteView message);
  /// To the host.
  static MutableBytes tell(const Question& question, ByteView message, MutableBytes room);
  static MutableBytes tell_failure(const Question& question, MutableBytes room);

  Random& random_;
  std::vector<ip::Ipv6> servers_;
  std::vector<ip::Ipv6> own_;
  std::size_t current_ = 0;            // of the servers
  std::optional<Instant> unanswered_;  // since when the current one is silent
  std::unordered_map<Number, Question> waiting_;
  std::deque<std::pair<Instant, Number>> order_;  // the oldest first; some are answered
};

}  // namespace hsfwd::overlay
