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
// - kWaiting: the peer is to come to us, or a probe of one of its own addresses and a hole punch are
//   under way side by side, and a blind relay is asked if one side names one; whichever gets through
//   first is the path.
// - kRelayed: a blind relay carries the connection, which moves as soon as a direct path is found.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "hyperdht/client/host_probe.hpp"
#include "hyperdht/client/peer_search.hpp"
#include "hyperdht/client/searches.hpp"
#include "hyperdht/client/second_opinion.hpp"
#include "hyperdht/nat/client_punch.hpp"
#include "hyperdht/peer/peer_socket.hpp"
#include "hyperdht/peer/relayed_path.hpp"

namespace hsfwd::hyperdht {

struct ClientContext;

struct ConnectOptions {
  std::optional<crypto::KeyPair> key_pair;  // the node's own if unset
  /// Tried before the DHT is asked; those remembered from earlier connections if empty.
  std::vector<Address> relay_addresses;
  bool local_connection = true;
  bool holepunch = true;
  bool reusable_socket = true;
  /// The first datagram of a punch opens the own NAT before the server is asked about its own.
  bool fast_open = true;
  std::optional<Extension> extension;
  /// Blind relays, one of which carries the connection until, or unless, there is a direct path. The
  /// server's wish comes first.
  std::vector<crypto::PublicKey> relay_through;
  /// The attempt's timeline.
  AttemptLog::Sink timeline;
};

class Connector final : public PathController,
                        private PeerSearch::Observer,
                        private ClientPunch::Observer,
                        private RelayedPath::Owner {
 public:
  Connector(const ClientContext& context, PeerSocket& socket, const crypto::PublicKey& remote,
            ConnectOptions options);
  ~Connector() override;

  /// Begins; the outcome shows at the socket, never from inside this call.
  void start();

  /// The search that this one waits for has ended, with or without an error; nothing: it was called
  /// off.
  void on_search_ended(std::optional<ConnectError> outcome);

  // PathController
  void on_path(net::UdpSocket& socket, const net::Address& from) override;
  void on_remote_changed() override;
  void on_path_proven() override;
  void on_stalled() override;
  void on_socket_gone() override;

 private:
  enum class State { kIdle, kRoute, kQueued, kFinding, kWaiting, kRelayed, kDone, kFailed };

  std::unique_ptr<PeerSearch> new_search();
  bool prepare();
  std::uint64_t agreed() const;
  bool try_route();
  void search();
  void end_search(std::optional<ConnectError> outcome);
  void begin_finding();
  void find(std::vector<Address> known_relays);

  // PeerSearch::Observer
  void on_answered(PeerAnswer answer) override;
  void on_not_answered(bool known) override;
  void on_path_slow() override;
  void on_path_dead(const net::UdpSocket& socket, const Address& address) override;

  // ClientPunch::Observer
  void on_punched(net::UdpSocket& socket, const Address& from) override;
  void on_open_server(const Address& address) override;
  void on_punch_failed(PunchFailure failure) override;

  // RelayedPath::Owner
  void on_relay_paired(net::UdpSocket& socket, const Address& relay, udx::StreamId leg) override;
  void on_relay_failed() override;

  void choose_path();
  bool probe_host();
  void punch();
  bool ask_anew(PunchFailure failure);
  void check_paths_exhausted();
  void give_up_paths();
  void relay();
  void open(net::UdpSocket& socket, udx::StreamId remote_id, const Address& to, PathKind path);
  void remember_peer();
  void connect(net::UdpSocket& socket, const Address& to, PathKind path);
  void fail(ConnectError error, const char* detail = nullptr);
  AttemptFailure failure_so_far(ConnectError error) const;
  ConnectError not_found() const;
  void on_timer();

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
  std::unique_ptr<HostProbe> host_probe_;
  std::unique_ptr<ClientPunch> punch_;
  std::optional<PunchFailure> punch_failure_;
  std::optional<RelayThroughInfo> own_relay_;  // as named to the server
  std::unique_ptr<RelayedPath> relay_;
  std::unique_ptr<SecondOpinion> second_opinion_;
  Task start_task_;
  Timer timer_;
};

}  // namespace hsfwd::hyperdht
