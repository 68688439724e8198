// SPDX-License-Identifier: Apache-2.0
// One attempt to connect to a peer by its key, from the search for its relays to the path.
//
//   kRoute ──► kFinding ──► kWaiting ──► kRelayed ──► kDone
//     │  ▲       ▲ │▲          │            ▲
//     ▼  │       │ │└──────────┼────────────│──────────► kDone
//    kQueued ────┘ └───────────┴────────────┴──────────► kFailed
//
// - kRoute: a path of an earlier connection is tried first. When it is slow to answer, the search
//   begins beside it.
// - kQueued: another attempt is searching for the same peer; how that ends is waited for.
// - kFinding: see PeerSearch.
// - kWaiting: the race is on, see enter_race; whichever way gets through first is the path.
// - kRelayed: a blind relay carries the connection, which moves as soon as a direct path is found.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "hyperdht/client/peer_search.hpp"
#include "hyperdht/client/searches.hpp"
#include "hyperdht/client/second_opinion.hpp"
#include "hyperdht/nat/client_punch.hpp"
#include "hyperdht/peer/path_race.hpp"
#include "hyperdht/peer/peer_socket.hpp"

namespace hsfwd::hyperdht {

struct ClientContext;

struct ConnectOptions {
  std::optional<crypto::KeyPair> key_pair;  // the node's own if unset
  /// Tried before the DHT is asked; those remembered from earlier connections if empty.
  std::vector<Address> relay_addresses;
  bool local_connection = true;
  bool holepunch = true;
  bool reusable_socket = true;
  /// A path of an earlier connection is tried first.
  bool known_path = true;
  /// The first datagram of a punch opens the own NAT before the server is asked about its own.
  bool fast_open = true;
  std::optional<Extension> extension;
  /// Blind relays, one of which carries the connection until, or unless, there is a direct path. The
  /// server's wish comes first.
  std::vector<crypto::PublicKey> relay_through;
  /// No relay carries it, whoever names one.
  bool direct_only = false;
  /// A peer that is no hsfwd is left at its answer, with kPlainPeer, unless it has a connection by then.
  bool leave_plain = false;
  /// The attempt's timeline.
  AttemptLog::Sink timeline;
};

/// The line of a timeline that says that the handshake is begun anew.
inline constexpr const char* kAskingAnew = "asking the peer again";

class Connector final : public PathObserver, private PeerSearch::Observer, private PathRace::Owner {
 public:
  Connector(const ClientContext& context, PeerSocket& socket, const crypto::PublicKey& remote,
            ConnectOptions options);
  ~Connector() override;

  /// Begins; the outcome shows at the socket, never from inside this call.
  void start();
  void cancel();

  /// The search that this one waits for has ended, with or without an error; nothing: it was called
  /// off. `detail`: what is known beyond the error's own sentence, may be nullptr.
  void on_search_ended(std::optional<ConnectError> outcome, const char* detail);

  // PathObserver
  void on_path(net::UdpSocket& socket, const net::Address& from) override;
  void on_stalled() override;
  void on_connection_over() override;

 private:
  enum class State { kIdle, kRoute, kQueued, kFinding, kWaiting, kRelayed, kDone, kFailed };

  std::unique_ptr<PeerSearch> new_search();
  bool prepare();
  std::uint64_t agreed() const;
  bool try_route();
  void search();
  void end_search(std::optional<ConnectError> outcome, const char* detail = nullptr);
  void begin_finding();
  void find(std::vector<Address> known_relays);

  // PeerSearch::Observer
  void on_answered(PeerAnswer answer) override;
  void on_not_answered(bool known) override;
  void on_path_slow() override;
  void on_path_dead(const net::UdpSocket& socket, const Address& address) override;

  // PathRace::Owner
  void on_path_found(const PeerPath& path) override;
  void on_carrier_found(std::unique_ptr<PathCarrier> carrier, const PeerPath& path,
                        udx::StreamId leg) override;
  bool on_candidate_lost(const PathCandidate& candidate) override;
  void on_race_lost() override;

  void begin_race();
  bool may_leave() const;
  bool may_tell_more() const;
  std::optional<PeerPath> known_path();
  void enter_race();
  void enter_relay();
  PunchTerms punch_terms() const;
  bool relay_is_named() const;
  bool ask_anew(const AttemptFailure& failure);
  void begin_anew();
  void remember_peer();
  udx::StreamId remote_id() const;
  void fail(ConnectError error, const char* detail = nullptr);
  AttemptFailure failure_so_far(ConnectError error) const;
  ConnectError not_found() const;

  const ClientContext& context_;
  PeerSocket* socket_;
  const crypto::PublicKey remote_;
  ConnectOptions options_;
  crypto::KeyPair keys_;
  const Searches::Subject subject_;
  AttemptLog log_;
  State state_ = State::kIdle;
  bool leads_ = false;  // a search that others may wait for

  std::unique_ptr<PeerSearch> search_;
  bool may_ask_anew_ = true;
  Firewall own_firewall_ = Firewall::kUnknown;

  struct EarlyPath {
    std::shared_ptr<net::UdpSocket> socket;
    Address from;
  };
  std::optional<EarlyPath> early_path_;  // the stream came before the answer did
  std::optional<PeerAnswer> answer_;
  std::optional<PunchFailure> punch_failure_;
  std::optional<RelayThroughInfo> own_relay_;  // as named to the server
  PathRace race_;
  std::unique_ptr<SecondOpinion> second_opinion_;
  Task start_task_;
};

}  // namespace hsfwd::hyperdht
