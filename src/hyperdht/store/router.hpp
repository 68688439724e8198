// SPDX-License-Identifier: Apache-2.0
// Passes handshakes and holepunch messages on between clients and servers that cannot talk to each
// other yet. Every hop is a message of its own; a relay keeps no state but where servers announced
// themselves from, and which clients asked lately: nothing is passed back to anybody else. What a
// client wants sent to an address of its own choice has a small rate for each such address.
//
//   C ─FROM_CLIENT─► R ─FROM_RELAY─► S        S ─FROM_SERVER─► R ─REPLY─► C
//
// Forwarded messages are requests under the original tid, also on the way back; only the last hop
// is a response.
#pragma once

#include <map>
#include <optional>

#include "hyperdht/store/asked_lately.hpp"
#include "hyperdht/store/generation_cache.hpp"
#include "hyperdht/wire/messages.hpp"
#include "rpc/node.hpp"
#include "util/token_bucket.hpp"

namespace hsfwd {
class MetricSink;
}

namespace hsfwd::hyperdht {

/// A server's answer to a first handshake message.
struct HandshakeAnswer {
  Bytes noise;
  net::UdpSocket* socket = nullptr;  // to be sent from; nullptr: where the request came in
};

// A stock client repeats a lost question after a second, and cannot know whether the question or the
// answer was lost: servers send theirs once more when nothing follows it within this time.
inline constexpr Duration kAnswerRepeat = 200_ms;

/// A server of this node, as the router sees it.
class RoutedServer {
 public:
  virtual ~RoutedServer() = default;
  /// Nothing: no answer at all, as for a client that is not let in.
  virtual std::optional<HandshakeAnswer> on_handshake(const HandshakeMessage& message,
                                                      const rpc::RequestOrigin& origin) = 0;
  /// Answers by Router::answer_holepunch, maybe later, maybe never.
  virtual void on_holepunch(const HolepunchMessage& message, const rpc::RequestOrigin& origin) = 0;
  /// What this node itself stores for the server.
  virtual const Bytes& record() const = 0;
  /// The node passes questions on, as it was asked to.
  virtual bool is_relay(const Address& node) const = 0;
};

struct RouterStats {
  std::uint64_t handshakes_relayed = 0;
  std::uint64_t holepunches_relayed = 0;
  std::uint64_t refused =
      0;  // answers to who did not ask, and too much for an address a client named
};

class Router {
 public:
  explicit Router(rpc::Node& node);

  void add_server(const rpc::Target& target, RoutedServer& server);
  /// Nothing happens if another server has taken the target since.
  void remove_server(const rpc::Target& target, const RoutedServer& server);
  bool has_server(const rpc::Target& target) const { return servers_.contains(target); }

  /// A server announced itself from `relay`; the entry of a server of this node stays. False: its
  /// host has its share of the entries.
  bool set_forward(const rpc::Target& target, const Address& relay, Bytes record);
  void remove_forward(const rpc::Target& target);
  std::optional<Address> relay_for(const rpc::Target& target);
  /// The record to be told to who looks for the target; valid until the next call.
  const Bytes* record_for(const rpc::Target& target);

  void on_handshake(const rpc::IncomingRequest& request);
  /// Sends a server's answer back the way that `message` came.
  void answer_handshake(const rpc::RequestOrigin& origin, const HandshakeMessage& message,
                        HandshakeAnswer answer);
  void on_holepunch(const rpc::IncomingRequest& request);
  void answer_holepunch(const rpc::RequestOrigin& origin, const Address& peer_address,
                        Bytes payload, net::UdpSocket* socket);

  const RouterStats& stats() const { return stats_; }
  void collect(MetricSink& sink) const;
  std::size_t forward_bytes() const { return forwards_.bytes(); }

 private:
  struct Forward {
    Address relay;
    Bytes record;
  };

  void pass_on(const rpc::RequestOrigin& origin, ByteView message,
               const std::optional<Address>& announced, const std::optional<Address>& named);
  void pass_back(const rpc::RequestOrigin& origin, ByteView message, const Address& client);
  void answer_relay(const rpc::RequestOrigin& origin, const Bytes& message, const Address& relay,
                    net::UdpSocket* socket);
  bool may_name(const Address& address);
  void relay_handshake(const HandshakeMessage& message, const rpc::RequestOrigin& origin);
  rpc::Node& node_;
  std::map<rpc::Target, RoutedServer*> servers_;
  GenerationCache<rpc::Target, Forward, SeededHash> forwards_;
  AskedLately clients_;
  TokenBuckets named_;            // by host: what goes there because a stranger named it
  TokenBuckets answered_relays_;  // by host: what servers of this node answer through it
  RouterStats stats_;
};

}  // namespace hsfwd::hyperdht
