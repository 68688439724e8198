// SPDX-License-Identifier: Apache-2.0
// Local programs that send UDP to an address that leads to a peer's service. Each local address that sends has a
// flow: what comes back in it goes there.
//
//   program ──► socket ──► Flow ──► the connection of all flows, as packets     (hsfwd peer)
//                              └──► a connection of its own, frames on a stream (stock peer: holesail)
//
// Which of the two is known once the first connection opens. One is made when there is something to send, kept
// while there are flows and a while after. docs/protocol/forward.md, section 12.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "forward/connection.hpp"
#include "forward/datagram_frames.hpp"
#include "forward/flow_packets.hpp"
#include "forward/udp_drops.hpp"
#include "net/env.hpp"
#include "node/peer_stream.hpp"
#include "util/owned_set.hpp"

namespace hsfwd::forward {

class UdpClients final : net::UdpObserver {
 public:
  /// Those of an hsfwd peer; the one that was idle longest gives way to another.
  static constexpr std::size_t kMaxFlows = 1024;
  /// Those of a stock peer, which take a connection each.
  static constexpr std::size_t kMaxStockFlows = 64;
  /// Datagrams that wait for one connection to open, and bytes that wait for all.
  static constexpr std::size_t kMaxWaiting = 64;
  static constexpr std::size_t kMaxWaitingBytes = 1024 * 1024;
  /// After the last flow: so long until the connection goes.
  static constexpr Duration kLinger = 1_min;
  /// After a failure; doubled with each further one up to the second, until something comes back.
  static constexpr Duration kFirstRest = 1_s;
  static constexpr Duration kLongestRest = 30_s;
  /// Something was sent and nothing came back: so long until the peer is asked whether it is there, and so long
  /// until the connection is given up for another if it does not answer.
  static constexpr Duration kUnanswered = 2_s;
  static constexpr Duration kSilent = 4_s;

  struct Outside {
    /// Another connection to the peer, and the number that it has.
    std::function<std::unique_ptr<PeerStream>(std::uint64_t& id)> dial;
    /// One is open: why it is of no use, one line for people, which has been told them; empty if it is.
    std::function<std::string(std::uint64_t id, const PeerStream& peer)> on_open;
    std::function<void(const ClosedConnection&)> on_closed;
    OnTooLarge on_too_large = nullptr;
  };

  UdpClients(const net::Env& env, Duration idle, Outside outside);
  ~UdpClients() override;

  /// The error is one clause for people.
  Result<void, std::string> listen(net::Address at);
  /// Takes nothing more from programs.
  void stop_listening();
  bool listening() const { return socket_ != nullptr; }
  /// Where it listens, while it does.
  net::Address address() const { return socket_->local_address(); }

  /// Of flows, from the last datagram either way. For those that there are, too.
  void set_idle(Duration idle);
  /// Ends all connections and flows. What comes next makes new ones at once.
  void abort_all(const std::string& reason);

  std::size_t connections() const { return connections_.size(); }
  std::size_t flows() const { return flows_.size(); }
  const UdpDrops& drops() const { return drops_; }
  /// Those that are not open yet included.
  std::vector<OpenConnection> list() const;
  PipeStats total() const;
  void collect(MetricSink& sink) const;

 private:
  struct Connection;
  struct Flow {
    net::Address from;
    std::uint16_t number = 0;
    Instant used;
    Connection* own = nullptr;  // to a stock peer
  };
  using Flows = std::list<Flow>;  // the one that was idle longest first

  // net::UdpObserver
  void on_datagrams(net::UdpSocket& socket, std::span<net::InboundDatagram> batch) override;

  Flow& flow_of(net::Address from);
  Flow* find_flow(std::uint16_t number);
  std::uint16_t free_number();
  void use(Flow& flow);
  void forget(Flow& flow, const char* reason);
  void tell_of_limit(std::size_t limit);
  void sweep();

  void send(Flow& flow, ByteView bytes);
  void hold(Connection& connection, const Flow& flow, ByteView bytes);
  void pass(Connection& connection, Flow& flow, ByteView bytes);
  void flush();
  Connection* connection_for(Flow& flow);
  Connection* dial();
  void make_room_for_own();
  void on_open(Connection& connection);
  void begin_packets(Connection& connection);
  void begin_frames(Connection& connection);
  void send_waiting(Connection& connection);
  void abort(Connection& connection, const Ending& ending);
  void on_reset(Connection& connection, const std::string& reason);
  void close(Connection& connection, const Ending& ending);
  void rest();
  void rest_after(const Connection& connection);
  void look_for_answers();

  void on_packets(Connection& connection, std::span<const MutableBytes> packets);
  void on_frames(Connection& connection);
  void give(const Flow& flow, ByteView bytes);

  const net::Env env_;
  Duration idle_;
  const Outside outside_;
  std::unique_ptr<net::UdpSocket> socket_;
  Flows flows_;
  std::unordered_map<net::Address, Flows::iterator> by_address_;
  std::unordered_map<std::uint16_t, Flows::iterator> by_number_;
  std::uint16_t next_number_ = 0;
  OwnedSet<Connection> connections_;
  Connection* shared_ = nullptr;  // of all flows, or not known yet whether it is
  bool stock_ = false;            // the peer was, the last time
  std::size_t waiting_bytes_ = 0;
  FlowPackets packets_;
  PipeStats closed_total_;
  UdpDrops drops_;
  bool told_of_limit_ = false;
  Duration rest_ = kFirstRest;
  Timer rest_timer_;
  Timer sweep_timer_;
  Timer linger_timer_;
  Timer answer_timer_;
};

}  // namespace hsfwd::forward
