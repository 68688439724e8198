// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "cli/last_failure.hpp"
#include "cli/local_address.hpp"
#include "cli/tunnel.hpp"
#include "forward/local_clients.hpp"
#include "forward/service.hpp"

namespace hsfwd::cli {

/// A local address that leads to a service of a peer.
class PeerTunnel final : public Tunnel {
 public:
  PeerTunnel(App& app, PeerReference peer, forward::LocalForward forward);

  void prepare(Unavailable unavailable) override { address_.prepare(unavailable); }
  std::optional<Problem> problem() const override { return address_.tunnel_problem(); }
  void start() override { report(); }
  /// Leads the local address to the peer and service of another ConnectSpec from now on. Connections
  /// to the previous one end.
  std::optional<Problem> change(const TunnelSpec& spec) override;
  /// Reports where the local address leads, or why it cannot be opened yet; then it is tried again,
  /// and reported once it is open.
  void report() override;
  std::string listens_at() const override { return address_.to_string(); }
  std::optional<PeerWish> wish() const override;
  void on_wish_refused(const std::string& why, bool reached) override {
    last_failure_.on_refused(why, reached);
  }
  void close(const std::string& reason, std::function<void()> done) override;
  void leave(std::function<void()> done) override;
  std::vector<Trouble> health() const override;
  Json status() const override;
  void collect(MetricSink& sink) const override;
  /// Those that are open.
  std::vector<forward::OpenConnection> connections() const override;

 private:
  void on_accepted(std::unique_ptr<net::ByteStream> local);
  std::unique_ptr<PeerStream> dial(std::uint64_t id);
  void on_open(const PeerInfo& peer, const std::string& service, std::uint64_t id);
  void on_closed(const forward::ClosedConnection& closed);
  void report_ready() const;

  App& app_;
  PeerReference peer_;
  std::string service_;  // empty: the peer's default
  LastFailure last_failure_;
  LocalAddress address_;
  forward::LocalClients clients_;
};

}  // namespace hsfwd::cli
