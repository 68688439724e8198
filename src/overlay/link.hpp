// SPDX-License-Identifier: Apache-2.0
// What leads to one peer: connections for IP packets. One is made when there is something to send, and ends
// when there has been nothing for long; the peer makes one likewise.
//
//             send                 open
//   kIdle ───────────► kDialling ───────► kOpen
//     ▲ ▲                  │ failed         │ over
//     │ └──── kResting ◄───┘                │
//     └─────────────────────────────────────┘
//
// After the first failure in a row what waits is kept for one more dial: a peer that starts at the same moment may
// not be announced yet. Until then it is still dialling.
//
// A connection that ends within moments counts as one that was not made, whatever came over it.
//
// If both sides dial at once there are two connections, and both sides come to the same one: the one that the
// smaller key has made, of those that were made at different times the newest, as long as nothing but another
// one brings anything.
//
// With a nospoon peer each side has its role. Its server is dialled at once and again after each end, over one
// connection at a time: it forgets the way to us when a former one ends behind the new one. Its client is never dialled.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "net/packet_tunnel.hpp"
#include "node/keys.hpp"
#include "node/peer_stream.hpp"
#include "overlay/codel.hpp"
#include "overlay/drops.hpp"
#include "overlay/settings.hpp"
#include "util/owned_set.hpp"

namespace hsfwd::overlay {

class Link;

class LinkOwner {
 public:
  virtual ~LinkOwner() = default;
  /// From the peer. See PacketObserver::on_packets.
  virtual void on_packets(Link& link, std::span<const MutableBytes> packets) = 0;
  /// What was to be sent, and cannot be, since the peer is not there.
  virtual void on_undeliverable(Link& link, ByteView packet) = 0;
  /// Another state, connection or path.
  virtual void on_link_changed(Link& link) = 0;
};

struct LinkTraffic {
  std::uint64_t packets_to_peer = 0;
  std::uint64_t bytes_to_peer = 0;
  std::uint64_t packets_from_peer = 0;
  std::uint64_t bytes_from_peer = 0;
};

class Link {
 public:
  enum class State { kIdle, kDialling, kOpen, kResting };

  /// Nothing was sent or received for so long: the connection goes, and comes back when it is wanted.
  static constexpr Duration kIdleTime = 10_min;
  /// After a failure; doubled with each further one up to the second.
  static constexpr Duration kFirstRest = 1_s;
  static constexpr Duration kLongestRest = 30_s;
  /// Something was sent and nothing came back: so long until the peer is asked whether it is there, and as long
  /// again until it is dialled anew beside the connection, which takes longer to find that it leads nowhere.
  static constexpr Duration kUnanswered = 2_s;
  /// The same after check(): as long as TCP waits for a first answer (RFC 6298, section 2.1).
  static constexpr Duration kCheckWait = 1_s;
  /// Of a nospoon server, which gets no second connection beside the first, and of a stream of a session, which outlives its
  /// path: so long it has not answered when asked, and the connection is given up for the next.
  static constexpr Duration kGivenUp = 10_s;
  /// It forgets the way to us if it finds only later that the former connection is gone: so long after the end of one,
  /// another is given up as well over which packets go and none come for kGivenUp. A stock peer finds it in less.
  static constexpr Duration kInDoubt = 2_min;
  /// Open ones of the peer's making, and as many of ours. One is in use; a peer that has lost one comes with another before the first is
  /// known to be gone.
  static constexpr std::size_t kMaxConnections = 3;

  struct Outside {
    /// How a peer is dialled, in the words of the node. `id`: the connection's.
    std::function<std::unique_ptr<PeerStream>(const PublicKey& peer, std::uint64_t id)> dial;
    /// A number for another connection.
    std::function<std::uint64_t()> take_id;
  };

  /// How packets travel.
  struct Terms {
    std::optional<Nospoon> nospoon = std::nullopt;  // what the peer is, if it speaks that
    std::size_t max_inbound = net::kMaxMtu;         // bytes of a nospoon peer's packets
    bool operator==(const Terms&) const = default;
  };

  /// `own`: the key of this side, which decides between two connections. The
  /// references outlive the link.
  Link(Scheduler& scheduler, PacketPool& pool, const PublicKey& own, const PublicKey& peer,
       const Terms& terms, const Outside& outside, LinkOwner& owner);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  const PublicKey& peer() const { return peer_; }
  const Terms& terms() const { return terms_; }
  State state() const;
  /// The connection in use.
  struct InUse {
    std::uint64_t id = 0;
    const PeerStream* stream = nullptr;
    Instant since;
  };
  std::optional<InUse> in_use() const;
  /// Bytes of the largest packet that goes whole; nothing while that is not known.
  std::optional<std::size_t> max_packet() const;
  /// Why there is no connection, for people; empty if nothing is wrong.
  const std::string& error() const { return error_; }
  const LinkTraffic& traffic() const { return traffic_; }
  void drop(Drop reason) { drops_.add(reason); }
  Drops drops() const;

  /// Packets with the seam's room around each, which is overwritten, as are they.
  void send(std::span<const MutableBytes> packets);
  /// From now on there is a connection, or a next attempt, if the peer is a nospoon server.
  void start();
  /// A connection that the peer has made.
  void accept(std::unique_ptr<PeerStream> stream);
  /// This host has other addresses: the connection in use may lead nowhere. Its peer is asked at once, and dialled
  /// beside it if there is no answer within kCheckWait. One that is to be kept, and is not, is dialled at once.
  void check();
  /// Ends all connections, and drops what waits.
  void close(const std::string& reason);

 private:
  class Connection;

  void begin_dial();
  void add(std::uint64_t id, std::unique_ptr<PeerStream> stream, bool outgoing);
  void on_open(Connection& connection);
  void make_room_for(const Connection& added);
  void on_over(Connection& connection, const std::string& reason);
  void on_packets(Connection& connection, std::span<const MutableBytes> packets);
  void rest();
  void on_rested();
  void replace();
  bool is_forgotten() const;
  void give_up(Connection& connection);
  bool may_dial() const { return terms_.nospoon != Nospoon::kClient; }
  void use_best();
  void choose();
  bool better(const Connection& a, const Connection& b) const;
  void refuse(std::span<const MutableBytes> packets);
  void hold(std::span<const MutableBytes> packets);
  void drain();
  void give_up_waiting();
  void look_for_idle();
  void look_for_answers();
  void on_checked();
  bool dialled_lately() const;
  bool dialling() const;

  Scheduler& scheduler_;
  const bool smaller_;  // our key
  const PublicKey peer_;
  const Terms terms_;
  const Outside& outside_;
  LinkOwner& owner_;
  OwnedSet<Connection> connections_;
  Connection* active_ = nullptr;
  bool started_ = false;  // and to be kept connected
  Instant doubted_until_;
  CodelQueue queue_;
  Duration rest_ = kFirstRest;
  Timer rest_timer_;
  bool patient_ = false;  // what waits is dialled for at the end of the rest
  Timer idle_timer_;
  Timer answer_timer_;
  Timer check_timer_;
  std::optional<Instant> dialled_;  // the last time
  std::string error_;
  LinkTraffic traffic_;
  Drops drops_;
};

}  // namespace hsfwd::overlay
