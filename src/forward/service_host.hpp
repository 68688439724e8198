// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "forward/admission.hpp"
#include "forward/connection.hpp"
#include "forward/destination_dial.hpp"
#include "forward/pipe.hpp"
#include "forward/service.hpp"
#include "node/peer_stream.hpp"
#include "util/owned_set.hpp"

namespace hsfwd::forward {

/// Connects peers to local services, and to destinations that they choose. Owns their connections.
class ServiceHost {
 public:
  using OnClosed = std::function<void(const ClosedConnection&)>;

  /// The first service, if there is one, is the default.
  ServiceHost(Scheduler& scheduler, net::StreamFactory& streams, std::vector<Service> services,
              OnClosed on_closed);
  ~ServiceHost();

  const std::vector<Service>& services() const { return services_; }
  /// The service of that name, the default for an empty one; nullptr if there is none.
  const Service* find(const std::string& name) const;

  /// Connects a peer to a service of this host. `id`, of ConnectionIds, identifies the connection in
  /// on_closed. The ticket is held as long as the connection; turn_away does the same.
  void serve(std::uint64_t id, std::unique_ptr<PeerStream> peer, const Service& service,
             Admission::Ticket ticket = {});
  /// The same for a destination, as far as it is permitted. Its first byte tells the peer what became of
  /// it (DestinationAnswer), and with any but kConnected the connection ends.
  void serve_destination(std::uint64_t id, std::unique_ptr<PeerStream> peer, const Destination& to,
                         net::Resolver& resolver, DestinationDial::Permission permission,
                         Admission::Ticket ticket = {});
  /// A peer that asked for a missing service. The handshake told it so, but a reset might overtake
  /// that: the connection is ended normally, and the peer given a moment to hang up.
  void turn_away(std::unique_ptr<PeerStream> peer, Admission::Ticket ticket = {});
  /// The same for a destination that is not allowed: the answer says so.
  void refuse_destination(std::unique_ptr<PeerStream> peer, const Destination& to,
                          Admission::Ticket ticket = {});
  std::size_t connections() const { return connections_.size(); }
  std::vector<OpenConnection> list() const;
  /// Bytes of all connections so far, closed ones included.
  PipeStats total() const;
  void collect(MetricSink& sink) const;

  /// Other services from now on. Connections to services that are no longer among
  /// them, or lead elsewhere now, end with `reason`; the others continue.
  void set_services(std::vector<Service> services, const std::string& reason);
  /// Ends the connections that are `unwanted`.
  void end_connections(const std::function<bool(const OpenConnection&)>& unwanted,
                       const std::string& reason);
  /// Ends all connections, each after its peer has received what was read for it, if that happens
  /// in time, then calls `done`.
  void leave(const std::string& reason, Duration at_most, std::function<void()> done);

 private:
  struct Connection {
    Service service;
    Instant since;
    Admission::Ticket ticket;
    PublicKey key;
    std::unique_ptr<PeerStream> peer;  // until the service answers
    std::unique_ptr<net::Dial> dial;
    std::optional<Destination> destination;  // in the place of a service
    std::unique_ptr<DestinationDial> destination_dial;
    std::unique_ptr<Pipe> pipe;
    void cancel();
  };
  /// A peer that leaves while its service is being dialled.
  struct Waiting final : net::ByteStreamObserver {
    Waiting(ServiceHost& h, std::uint64_t i) : host(h), id(i) {}
    void on_readable() override {}
    void on_writable() override {}
    void on_reset(const std::string& reason) override { host.on_peer_gone(id, reason); }
    ServiceHost& host;
    const std::uint64_t id;
  };

  struct Leaving;

  void refuse(std::unique_ptr<PeerStream> peer, Admission::Ticket ticket, DestinationAnswer answer,
              const std::string& reason);
  void dial(std::uint64_t id, Connection& connection);
  void on_dialled(std::uint64_t id, Result<std::unique_ptr<net::ByteStream>, std::string> result);
  void on_destination(std::uint64_t id,
                      Result<std::unique_ptr<net::ByteStream>, DestinationDial::Failure> result);
  void join(std::uint64_t id, Connection& connection, std::unique_ptr<net::ByteStream> local);
  void on_peer_gone(std::uint64_t id, const std::string& reason);
  /// By this process.
  void abort(std::uint64_t id, const std::string& reason);
  void close(std::uint64_t id, const Ending& ending, const std::string& service_error = {});
  void check_left();
  static OpenConnection describe(std::uint64_t id, const Connection& connection);

  Scheduler& scheduler_;
  net::StreamFactory& streams_;
  std::vector<Service> services_;
  OnClosed on_closed_;
  PipeStats closed_total_;
  std::map<std::uint64_t, Connection> connections_;
  std::map<std::uint64_t, std::unique_ptr<Waiting>> waiting_;
  OwnedSet<Leaving> leaving_;
  std::function<void()> on_left_;
};

}  // namespace hsfwd::forward
