// SPDX-License-Identifier: Apache-2.0
// The relay's side of the blind relay: joins the streams of two peers that name the same token.
// What they say to each other is encrypted end to end; the relay sees packets.
//
//        session              token               session
//   A ──────────── pair ──► waiting ◄── pair ──────────── B
//   A ═════ leg ◄════════════ forwards ══════════► leg ═════ B
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "hyperdht/relay/blind_relay.hpp"
#include "hyperdht/relay/relay_limits.hpp"
#include "secret_stream/protomux.hpp"
#include "udx/relay_leg.hpp"
#include "util/owned_set.hpp"
#include "util/scheduler.hpp"
#include "util/token_bucket.hpp"

namespace hsfwd {
class MetricSink;
}

namespace hsfwd::hyperdht {

/// In upstream's words, and what its relays do not count.
struct RelayStats {
  std::uint64_t sessions_accepted = 0;
  std::uint64_t sessions_closed = 0;
  std::uint64_t pairings_requested = 0;
  std::uint64_t pairings_matched = 0;
  std::uint64_t pairings_cancelled = 0;
  std::uint64_t pairings_expired = 0;
  std::uint64_t pairings_refused = 0;  // for a limit
  std::uint64_t pairs_expired = 0;     // because nothing came any more
  std::uint64_t packets_forwarded = 0;
  std::uint64_t bytes_forwarded = 0;  // UDP payload
  std::uint64_t packets_dropped = 0;  // above the rate
};

class RelayServer;
class RelayPair;

/// One peer's connection to the relay.
class RelaySession final : private secret_stream::ChannelObserver {
 public:
  /// `on_over`: the channel is closed and will not open again; may come from inside a message.
  RelaySession(RelayServer& server, secret_stream::Protomux& mux, const crypto::PublicKey& peer,
               net::Ipv4 host, std::function<void()> on_over);
  /// Drops the tokens the peer waits with, and ends its pairs.
  ~RelaySession() override { cancel(); }

  void cancel();

  /// Waiting and forwarding.
  std::size_t pairs() const { return waiting_.size() + links_.size(); }
  /// Since when there was neither.
  Instant idle_since() const { return idle_since_; }

 private:
  friend class RelayServer;
  friend class RelayPair;

  bool on_message(std::uint64_t type, ByteView payload) override;
  void on_closed() override;

  bool on_pair(ByteView payload);
  bool on_unpair(ByteView payload);
  void reply(const PairMessage& message);
  /// There is no word for no. Who waits for nothing else is told by the closing of the channel.
  void refuse();
  void end_pairs();
  void note_idle();

  RelayServer& server_;
  const crypto::PublicKey peer_;
  const net::Ipv4 host_;
  std::function<void()> on_over_;
  std::unique_ptr<secret_stream::Channel> channel_;
  std::set<RelayToken> waiting_;
  std::map<RelayToken, RelayPair*> links_;
  Instant idle_since_;
  bool cancelled_ = false;
};

/// Two sides of one token: the first waits, with the second both get a leg.
class RelayPair {
 public:
  RelayPair(RelayServer& server, const RelayToken& token);
  ~RelayPair() { cancel(); }

  /// Frees the legs; nothing goes out.
  void cancel();

 private:
  friend class RelayServer;
  friend class RelaySession;

  struct Side final : udx::RelayLegObserver {
    explicit Side(RelayPair& p) : pair(p) {}
    bool accept_path(net::UdpSocket& arrival, net::Address from) override;
    bool allow_forward(std::size_t size) override;
    void on_closed() override;

    RelayPair& pair;
    RelaySession* session = nullptr;
    udx::StreamId peer_id;
    std::shared_ptr<net::UdpSocket> socket;  // outlives the leg on it
    std::unique_ptr<udx::RelayLeg> leg;
  };
  net::Ipv4 waiting_host() const;
  Side& side(bool initiator) { return sides_[initiator ? 1 : 0]; }

  RelayServer& server_;
  const RelayToken token_;
  std::array<Side, 2> sides_;  // the non-initiator's first
  Instant active_at_;
};

/// Differs from upstream: tokens and pairs expire, there are limits, and a leg keeps the packets
/// that come before it is known where they go.
class RelayServer {
 public:
  using CreateLeg = std::function<std::unique_ptr<udx::RelayLeg>(udx::RelayLegObserver&)>;
  /// A socket stays open as long as what comes back is held.
  using HoldSocket = std::function<std::shared_ptr<net::UdpSocket>(net::UdpSocket&)>;

  RelayServer(Scheduler& scheduler, CreateLeg create_leg, HoldSocket hold_socket,
              const RelayLimits& limits);
  /// Sessions are gone by then.
  ~RelayServer();
  RelayServer(const RelayServer&) = delete;
  RelayServer& operator=(const RelayServer&) = delete;

  const RelayLimits& limits() const { return limits_; }
  const RelayStats& stats() const { return stats_; }
  void collect(MetricSink& sink) const;
  std::size_t waiting() const { return waiting_.size(); }
  std::size_t active() const { return active_.size(); }

 private:
  friend class RelaySession;
  friend class RelayPair;

  void pair(RelaySession& session, const PairMessage& message);
  void unpair(RelaySession& session, const RelayToken& token);
  void join(std::unique_ptr<RelayPair> pair);
  void forget_waiting(const RelayToken& token);
  bool may_hold_another(const RelaySession& session) const;
  void note_side(const RelaySession& session);
  void note_side_given_up(const RelaySession& session);
  void make_room_for_waiting();
  void end(RelayPair& pair);
  bool admit(std::size_t size);
  void sweep();
  void sweep_later();

  Scheduler& scheduler_;
  const CreateLeg create_leg_;
  const HoldSocket hold_socket_;
  const RelayLimits limits_;
  std::map<RelayToken, std::unique_ptr<RelayPair>> waiting_;
  OwnedSet<RelayPair> active_;
  std::map<crypto::PublicKey, std::size_t> sides_of_key_;
  std::map<net::Ipv4, std::size_t> sides_of_host_;
  std::size_t sessions_ = 0;
  TokenBucket budget_;  // bytes that may be forwarded now
  RelayStats stats_;
  Timer sweep_timer_;
};

}  // namespace hsfwd::hyperdht
