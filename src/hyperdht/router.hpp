// SPDX-License-Identifier: Apache-2.0
// Passes handshakes and holepunch messages on between clients and servers that cannot talk to each
// other yet. Every hop is a message of its own; a relay keeps no state but where servers announced
// themselves from.
//
//   C ─FROM_CLIENT─► R ─FROM_RELAY─► S        S ─FROM_SERVER─► R ─REPLY─► C
//
// Forwarded messages are requests under the original tid, also on the way back; only the last hop is
// a response.
#pragma once

#include <map>

#include "hyperdht/generation_cache.hpp"
#include "hyperdht/messages.hpp"
#include "rpc/node.hpp"

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
};

struct RouterStats {
  std::uint64_t handshakes_relayed = 0;
  std::uint64_t holepunches_relayed = 0;
};

class Router {
 public:
  explicit Router(rpc::Node& node);

  void add_server(const rpc::Target& target, RoutedServer& server);
  /// Nothing happens if another server has taken the target since.
  void remove_server(const rpc::Target& target, const RoutedServer& server);
  bool has_server(const rpc::Target& target) const { return servers_.contains(target); }

  /// A server announced itself from `relay`; the entry of a server of this node stays.
  void set_forward(const rpc::Target& target, const Address& relay, Bytes record);
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

 private:
  struct Forward {
    Address relay;
    Bytes record;
  };

  void relay_handshake(const HandshakeMessage& message, const rpc::RequestOrigin& origin);
  void forward_handshake(const rpc::RequestOrigin& origin, HandshakeMessage message,
                         const Address& to);

  rpc::Node& node_;
  std::map<rpc::Target, RoutedServer*> servers_;
  GenerationCache<rpc::Target, Forward, SeededHash> forwards_;
  RouterStats stats_;
};

}  // namespace hsfwd::hyperdht
