// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "forward/connection.hpp"
#include "forward/pipe.hpp"
#include "node/peer_stream.hpp"

namespace hsfwd::forward {

/// Local clients, each joined to a connection of its own to a peer. Owns both.
class LocalClients {
 public:
  using OnClosed = std::function<void(const ClosedConnection&)>;

  LocalClients(Scheduler& scheduler, OnClosed on_closed);
  ~LocalClients();

  /// `peer` was dialled for this client and `service`, and need not be open yet. `id`, of ConnectionIds,
  /// identifies the connection.
  void join(std::uint64_t id, std::unique_ptr<net::ByteStream> client,
            std::unique_ptr<PeerStream> peer, std::string service = {});
  /// Gives up one connection, for example when the peer turns out not to have the service.
  void abort(std::uint64_t id, const Ending& ending);
  void abort_all(const Ending& ending);
  /// Ends the connections as ServiceHost::leave() does.
  void leave(const std::string& reason, Duration at_most, std::function<void()> done);
  std::size_t connections() const { return connections_.size(); }
  /// Including those that are not open yet.
  std::vector<OpenConnection> list() const;
  /// Bytes of all connections so far, closed ones included.
  PipeStats total() const;
  void collect(MetricSink& sink) const;

 private:
  struct Connection {
    std::unique_ptr<Pipe> pipe;
    std::string service;
    Instant since;
  };
  void on_done(std::uint64_t id, const Ending& ending);
  void check_left();

  Scheduler& scheduler_;
  OnClosed on_closed_;
  PipeStats closed_total_;
  std::map<std::uint64_t, Connection> connections_;
  std::function<void()> on_left_;
};

}  // namespace hsfwd::forward
