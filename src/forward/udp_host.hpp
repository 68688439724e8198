// SPDX-License-Identifier: Apache-2.0
// Connects peers to local UDP services. A flow of a peer is a socket of its own, so that the service sees them
// apart and what it says comes back to the right one.
//
//   hsfwd peer ──► packets of flows ──► Flow: a socket ──► service
//   stock peer ──► frames on the stream, one flow a connection (holesail)
//
// docs/protocol/forward.md, section 12.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "forward/admission.hpp"
#include "forward/connection.hpp"
#include "forward/datagram_frames.hpp"
#include "forward/flow_packets.hpp"
#include "forward/service.hpp"
#include "forward/udp_drops.hpp"
#include "net/env.hpp"
#include "node/peer_stream.hpp"
#include "util/owned_set.hpp"
#include "util/token_bucket.hpp"

namespace hsfwd::forward {

/// Of flows, each of which takes a socket. A key that has as many as it may, and where all have as many as there
/// may be the one that has most, loses the one that was idle longest, as often as `displacing` lets the key that
/// wants another: a socket costs more than the packet that asks for one.
struct FlowLimits {
  std::size_t flows = 4096;
  std::size_t per_key = 1024;
  TokenRate displacing = {.per_second = 1000, .capacity = 1000};
};

class UdpHost {
 public:
  using OnClosed = std::function<void(const ClosedConnection&)>;

  UdpHost(const net::Env& env, Duration idle, OnClosed on_closed, FlowLimits limits = {});
  ~UdpHost();

  /// Connects a peer to a UDP service, as ServiceHost::serve() does to others. A peer that does not pass datagrams
  /// as packets is a stock one.
  void serve(std::uint64_t id, std::unique_ptr<PeerStream> peer, const Service& service,
             Admission::Ticket ticket = {});
  /// Of flows, from the last datagram either way. For those that there are, too.
  void set_idle(Duration idle);
  void set_on_too_large(OnTooLarge on_too_large) { on_too_large_ = std::move(on_too_large); }

  std::size_t connections() const { return connections_.size(); }
  std::size_t flows() const { return flows_; }
  const UdpDrops& drops() const { return drops_; }
  std::vector<OpenConnection> list() const;
  /// Bytes of all datagrams so far.
  PipeStats total() const;
  /// Connections to other than these services end.
  void set_services(const std::vector<Service>& services, const std::string& reason);
  void end_connections(const std::function<bool(const OpenConnection&)>& unwanted,
                       const std::string& reason);

 private:
  struct Connection;
  struct Flow;
  using Idlest = std::list<Flow*>;  // first

  void find_target(Connection& connection);
  void on_target(Connection& connection, const Result<net::Ipv4>& host);
  void begin(Connection& connection);
  void on_packets(Connection& connection, std::span<const MutableBytes> packets);
  void on_frames(Connection& connection);
  void on_replies(Flow& flow, std::span<net::InboundDatagram> batch);
  Flow* find_flow(Connection& connection, std::uint16_t number);
  Flow* make_flow(Connection& connection, std::uint16_t number);
  bool make_room(const PublicKey& key);
  void displace(Flow& flow);
  void forget(Flow& flow);
  void use(Flow& flow);
  void sweep();
  void abort(Connection& connection, const Ending& ending);
  void close(Connection& connection, const Ending& ending);
  static OpenConnection describe(const Connection& connection);

  const net::Env env_;
  Duration idle_;
  const OnClosed on_closed_;
  OnTooLarge on_too_large_;
  const FlowLimits limits_;
  PipeStats closed_total_;
  UdpDrops drops_;
  FlowPackets packets_;
  std::map<PublicKey, Idlest> owners_;
  std::size_t flows_ = 0;
  TokenBuckets displacing_;  // by key
  OwnedSet<Connection> connections_;
  bool told_of_limit_ = false;
  bool told_of_sockets_ = false;
  Timer sweep_timer_;
};

}  // namespace hsfwd::forward
