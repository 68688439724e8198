// SPDX-License-Identifier: Apache-2.0
// What this host has begun with one peer, so that the peer's answers are told from what it begins
// itself.
#pragma once

#include <cstdint>
#include <vector>

#include "ip/address.hpp"
#include "util/time.hpp"

namespace hsfwd::overlay {

/// Of which conversation a packet is, as this host sees it.
struct Flow {
  ip::Ipv6 ours;
  ip::Ipv6 theirs;
  std::uint16_t our_port = 0;    // of an echo: its identifier
  std::uint16_t their_port = 0;  // of an echo: 0
  std::uint8_t protocol = 0;     // number of IP
  bool operator==(const Flow&) const = default;
};

/// What a packet of ours says of its conversation.
enum class Step : std::uint8_t {
  kBegin,   // TCP that opens; a later packet of ours opens it for good
  kAccept,  // TCP that the other side has opened
  kGoOn,    // TCP that is open
  kEnd,     // TCP that closes, until it opens again
  kDatagram,
  kEcho,
};

/// How many there are at most, and what begins one.
struct ConversationLimits {
  /// A browser with its look-ups has some hundred; 320 KiB of memory.
  std::size_t most = 4096;
  /// Also TCP that goes on: it began before anybody looked, and nobody but this host begins any.
  bool picks_up = false;
};

/// Bounded: the one that this host has sent nothing in for the longest goes first. Only what this host
/// sends prolongs anything, so that no peer keeps a conversation alive (RFC 4787 section 4.3).
/// Finding and noting allocate nothing but to grow, which ends with the most.
class Conversations {
 public:
  /// Since our last packet, and the least that these say a network may have: RFC 5382 REQ-5, RFC 5508 REQ-2.
  static constexpr Duration kTcpIdle = 124_min;
  static constexpr Duration kTcpTransitory = 4_min;
  static constexpr Duration kEchoIdle = 60_s;
  /// RFC 4787 REQ-5: two minutes at least, five are better.
  static constexpr Duration kUdpIdle = 5_min;

  /// `secret`: for places in the table, since peers choose ports and addresses.
  explicit Conversations(std::uint64_t secret, const ConversationLimits& limits = {})
      : secret_(secret), limits_(limits) {}

  /// A packet of ours. kEnd begins nothing, and kGoOn only where it may.
  void note(const Flow& flow, Step step, Instant now);
  bool contains(const Flow& flow, Instant now) const;

  std::size_t size() const { return entries_.size(); }

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = ~Index{0};
  static constexpr std::size_t kFirstPlaces = 64;

  struct Entry {
    Flow flow;
    Step step = Step::kDatagram;
    Instant until;
    Index next = kNone;  // in the same place
    Index older = kNone;
    Index newer = kNone;
  };

  std::size_t place_of(const Flow& flow) const;
  Index find(const Flow& flow) const;
  /// An entry of the flow that is in its place and in no order yet.
  Index make(const Flow& flow, Instant now);
  void grow();
  void leave_place(Index at);
  void leave_order(Index at);
  void become_newest(Index at);

  const std::uint64_t secret_;
  const ConversationLimits limits_;
  std::vector<Entry> entries_;
  std::vector<Index> places_;  // a power of two, no fewer than entries
  Index oldest_ = kNone;
  Index newest_ = kNone;
};

}  // namespace hsfwd::overlay
