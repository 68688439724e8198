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
#include "cli/udp_report.hpp"
#include "forward/service.hpp"
#include "forward/udp_clients.hpp"

namespace hsfwd::cli {

/// A local UDP address that leads to a UDP service of a peer.
class UdpTunnel final : public Tunnel {
 public:
  UdpTunnel(App& app, PeerReference peer, forward::LocalForward forward, Duration idle);

  void prepare(Unavailable unavailable) override { address_.prepare(unavailable); }
  std::optional<Problem> problem() const override { return address_.tunnel_problem(); }
  void start() override { report(); }
  /// As that of PeerTunnel.
  std::optional<Problem> change(const TunnelSpec& spec) override;
  void report() override;
  std::string listens_at() const override { return address_.to_string(); }
  std::optional<PeerWish> wish() const override;
  void on_wish_refused(const std::string& why, bool reached) override {
    last_failure_.on_refused(why, reached);
  }
  void close(const std::string& reason, std::function<void()> done) override;
  /// Datagrams that have been sent are on their way, and nothing is waited for.
  void leave(std::function<void()> done) override;
  std::vector<Trouble> health() const override;
  Json status() const override;
  void collect(MetricSink& sink) const override;
  std::vector<forward::OpenConnection> connections() const override;

 private:
  std::unique_ptr<PeerStream> dial(std::uint64_t& id);
  std::string on_open(std::uint64_t id, const PeerStream& stream);
  void on_closed(const forward::ClosedConnection& closed);
  void report_ready() const;
  LocalAddress::Listener listener();

  App& app_;
  PeerReference peer_;
  std::string service_;  // empty: the peer's default
  LastFailure last_failure_;
  OversizedReport oversized_;
  forward::UdpClients clients_;
  LocalAddress address_;
};

}  // namespace hsfwd::cli
