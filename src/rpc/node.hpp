// SPDX-License-Identifier: Apache-2.0
// A member of the DHT: answers requests, learns nodes, finds out about its own address and becomes
// a persistent member when it can. Commands of the layer above are offered to a Handler.
//
// Differs from upstream: only answers to own questions say where we are, and who is a member, not
// what strangers ask; what is once established is given up only when others than those who deny it
// deny it, too; a host and a /24 have few places in the routing table.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "net/env.hpp"
#include "rpc/address_poll.hpp"
#include "rpc/address_votes.hpp"
#include "rpc/admission.hpp"
#include "rpc/bootstrap.hpp"
#include "rpc/call.hpp"
#include "rpc/delayed_pings.hpp"
#include "rpc/health.hpp"
#include "rpc/liveness.hpp"
#include "rpc/membership.hpp"
#include "rpc/network_check.hpp"
#include "rpc/newcomers.hpp"
#include "rpc/query.hpp"
#include "rpc/routing_table.hpp"
#include "rpc/tokens.hpp"

namespace hsfwd::rpc {

struct NodeOptions {
  std::vector<BootstrapNode> bootstrap;
  std::vector<net::Address> nodes;  // known from before
  /// Unset: ephemeral until twenty minutes have shown that the node is stable and reachable.
  std::optional<bool> ephemeral;
  bool firewalled = true;  // false: known to be reachable
  bool quick_firewall_check = true;
  /// What a first node of a network must be told, since nobody else can.
  std::optional<net::Address> own_address;
  /// Nodes never to be learnt.
  bool (*filter)(const net::Address&) = nullptr;
};

struct ReplyOptions {
  bool token = true;
  bool closer_nodes = true;
  std::optional<net::Address> to;    // not the sender
  net::UdpSocket* socket = nullptr;  // not the one the request came in on
};
/// What tells the sender nothing but the answer.
inline constexpr ReplyOptions kBareReply{.token = false, .closer_nodes = false};

class NodeHandler {
 public:
  virtual ~NodeHandler() = default;
  /// A request of the layer above; false: no such command here.
  virtual bool on_request(const IncomingRequest& request) = 0;
  virtual void on_bootstrapped() {}
  virtual void on_persistent() {}
  virtual void on_ephemeral() {}
  /// The own address as others see it, the firewall verdict or the health changed.
  virtual void on_network_update() {}
  /// The machine slept, or the process stood still for long.
  virtual void on_wake_up() {}
};

class Node final : private Calls::Owner, private BootstrapHost {
 public:
  Node(const net::Env& env, NodeOptions options, NodeHandler& handler);
  ~Node() override;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// The sockets outlive the node. Server socket: the one others should reach. Client socket: sends
  /// while it is not known whether they can.
  void start(net::UdpSocket& server, net::UdpSocket& client);
  /// A datagram that no other protocol took; anything that is not dht-rpc is ignored.
  void on_datagram(net::UdpSocket& socket, const net::Address& from, ByteView bytes);
  void forget_socket(const net::UdpSocket& socket) {
    calls_.forget_socket(socket);
    return_checks_.forget_socket(socket);
  }

  // --- Answering ---
  /// To a question that changes nothing: with the value at once, if that is not much more than the
  /// question or its sender is proven to be there; else the request comes again when he has proven
  /// it.
  void answer(const IncomingRequest& request, std::optional<ByteView> value);
  /// Fewer closer nodes than there are, where the question was small.
  void reply(const RequestOrigin& origin, std::optional<ByteView> value,
             const ReplyOptions& options = {});
  void reply_error(const RequestOrigin& origin, std::uint64_t code,
                   const ReplyOptions& options = {.token = false});
  /// Who pays for what is passed on: never an address that is only named in a message, or else
  /// whoever names it keeps it from being heard.
  enum class Payer {
    kSender,
    kNobody,  // the caller has a limit of his own
  };
  /// Passes a request on under the same tid, command and target; nobody waits for an answer.
  /// Nothing happens where `to` is none of the sender's business.
  void relay(const RequestOrigin& origin, ByteView value, const net::Address& to,
             net::UdpSocket* socket = nullptr, Payer payer = Payer::kSender);

  // --- State ---
  const net::Env& env() const { return env_; }
  const NodeOptions& options() const { return options_; }
  bool bootstrapped() const { return bootstrap_.bootstrapped(); }
  bool ephemeral() const { return !membership_.persistent(); }
  bool firewalled() const override { return membership_.firewalled(); }
  /// Only while persistent: an ephemeral node's id is nobody's business.
  std::optional<NodeId> id() const;
  const NodeId& table_id() const { return table_.self(); }
  const AddressVotes& sampler() const { return sampler_; }
  /// The own public address, if the node is reachable there from anywhere. Votes alone do not
  /// change it.
  std::optional<net::Address> remote_address() const;
  const Health& health() const { return health_; }
  net::UdpSocket& server_socket() { return *server_; }
  /// One of its own sockets, as the loopback or the address it is bound to shows it: to ask there is
  /// to ask oneself.
  bool is_self(const net::Address& address) const;
  net::UdpSocket& client_socket() { return *client_; }
  net::UdpSocket& sending_socket() override { return firewalled() ? *client_ : *server_; }

  RoutingTable& table() { return table_; }
  Calls& calls() { return calls_; }
  const CallStats& call_stats() const { return calls_.stats(); }
  /// Any node has answered since the start.
  bool has_been_answered() const { return call_stats().responses > 0; }
  const AdmissionStats& admission_stats() const { return admission_stats_; }
  void collect(MetricSink& sink) const;
  Tokens& tokens() { return tokens_; }
  UnresolvedNames& unresolved_names() { return unresolved_names_; }
  std::uint32_t tick() const { return tick_; }
  /// Learns a node without having heard of it.
  void add_node(const net::Address& address);
  /// A query is about to start, so that the table need not be refreshed for a while.
  void note_query() { refresh_in_ = kRefreshTicks; }
  /// Tells `to` that `down`, which it recommended, does not answer. Limited to 50 a tick.
  void send_down_hint(const net::Address& to, const net::Address& down);
  void ping(Call& call, const net::Address& to, net::UdpSocket* socket = nullptr,
            int retries = 3) const;

  /// Some of the nodes heard of last, for the next start.
  std::vector<net::Address> known_nodes(std::size_t limit) const;

  /// The machine may be somewhere else now: what is known of the own address counts no more, and is
  /// found out anew. Unless the options say that the node is reachable.
  void doubt_address();

  /// Skips the checks: for tests that need a node in a given state at once.
  void force_persistent(const net::Address& own_address);

 private:
  friend class NetworkCheck;
  friend class Liveness;

  static constexpr std::uint32_t kRefreshTicks = 60;

  // Calls::Owner
  std::optional<NodeId> id_on(const net::UdpSocket& socket) override;
  void on_reply(const Reply& reply) override;
  void on_timeout(const net::Address& to, const std::optional<NodeId>& id) override;

  void on_request(net::UdpSocket& socket, const net::Address& from, const RequestMessage& message,
                  std::size_t size);
  void dispatch(const IncomingRequest& request);
  void on_internal(const IncomingRequest& request);
  void on_delayed_ping(const IncomingRequest& request);
  void send_response(const RequestOrigin& origin, ResponseMessage message,
                     const ReplyOptions& options, std::optional<ByteView> value);
  void add_closer_nodes(ResponseMessage& message, const Target& target, std::size_t limit) const;
  bool fits(const IncomingRequest& request, std::optional<ByteView> value) const;
  bool check_return(const IncomingRequest& request);
  void on_pong(IncomingRequest& request);
  void send_ping(net::UdpSocket& socket, const net::Address& to, std::uint16_t tid);
  void send(net::UdpSocket& socket, const net::Address& to, const Bytes& datagram,
            const std::optional<net::Address>& payer);

  void meet(net::UdpSocket& socket, const net::Address& from, const NodeId& id);
  void ping_newcomer(net::UdpSocket& socket, const net::Address& from);
  bool try_newcomer(net::UdpSocket& socket, const net::Address& from, const NodeId& id);
  void go_on_with_trials();
  void on_newcomer_pong(const net::Address& from, ByteView bytes);
  void learn(const net::Address& from, const NodeId& id);
  void insert(RoutingNode node);
  void take_vote(const Reply& reply);
  bool may_vote(const Reply& reply);
  void count_vote(const net::Address& to, const net::Address& voter);
  void on_address_denied();
  void on_opinions(const std::vector<AddressPoll::Opinion>& opinions);
  void give_up_address();
  void forget_address();
  bool external(const net::UdpSocket& socket) { return &socket != &sending_socket(); }

  // BootstrapHost
  void find_neighbours() override;
  void ask_for_pong(const net::Address& node) override;
  void check_reachability() override;
  std::uint64_t responses() const override { return calls_.stats().responses; }
  void on_looked() override { membership_.forget(); }
  void on_first_look() override;

  void refresh();
  void run_background_query(const Target& target, Query::OnReply on_reply,
                            std::function<void()> done);

  bool forced_persistent() const;
  void update_network_state(bool only_firewall, std::function<void(bool)> done);
  bool apply_check(const net::Address& own, bool persistent);

  void on_tick();
  void on_drain();
  void wake_up();

  net::Env env_;
  NodeOptions options_;
  NodeHandler& handler_;
  net::UdpSocket* server_ = nullptr;
  net::UdpSocket* client_ = nullptr;

  Bootstrap bootstrap_;
  Membership membership_;

  UnresolvedNames unresolved_names_;
  Calls calls_;
  SendBudget budget_;
  SendBudget pong_budget_;  // of the above: for large answers that a pong let out
  ReturnChecks return_checks_;
  Newcomers newcomers_;
  AdmissionStats admission_stats_;
  Tokens tokens_;
  RoutingTable table_;
  AddressVotes sampler_;
  std::vector<net::Address> ephemeral_samplers_;
  /// The own address, while it is not known that it has changed.
  std::optional<net::Address> established_;
  AddressPoll poll_;
  std::uint32_t poll_from_ = 0;  // tick
  int polls_lost_ = 0;           // in a row
  Health health_;
  Liveness liveness_;
  NetworkCheck check_;

  std::uint32_t tick_;
  std::uint32_t refresh_in_;
  int down_hints_left_;
  int drains_to_rotation_;
  Instant last_tick_at_;
  Timer tick_timer_;
  Timer drain_timer_;

  std::unique_ptr<Query> background_;
  std::vector<std::unique_ptr<Call>> down_hints_;
  DelayedPings delayed_pings_;
};

}  // namespace hsfwd::rpc
