// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "cli/local_address.hpp"
#include "cli/refusals.hpp"
#include "cli/socks_directory.hpp"
#include "cli/tunnel.hpp"
#include "forward/local_clients.hpp"
#include "forward/socks_clients.hpp"

namespace hsfwd::cli {

/// A local address whose clients say where they want to be led.
class SocksTunnel final : public Tunnel, forward::SocksGuide {
 public:
  SocksTunnel(App& app, net::StreamAddress listen, SocksDirectory directory);

  void prepare(Unavailable unavailable) override { address_.prepare(unavailable); }
  std::optional<Problem> problem() const override { return address_.tunnel_problem(); }
  void start() override { report(); }
  /// Connections that the names of another SocksSpec lead elsewhere end.
  std::optional<Problem> change(const TunnelSpec& spec) override;
  void report() override;
  std::string listens_at() const override { return address_.to_string(); }
  std::optional<PeerWish> wish() const override;
  void close(const std::string& reason, std::function<void()> done) override;
  void leave(std::function<void()> done) override;
  std::vector<Trouble> health() const override { return address_.troubles(); }
  Json status() const override;
  void collect(MetricSink& sink) const override;
  std::vector<forward::OpenConnection> connections() const override;

 private:
  // SocksGuide
  Way dial(std::uint64_t id, const forward::SocksTarget& target) override;
  Opened on_open(std::uint64_t id, const forward::SocksTarget& target,
                 const PeerStream& peer) override;
  void join(std::uint64_t id, const forward::SocksTarget& target,
            std::unique_ptr<net::ByteStream> client, std::unique_ptr<PeerStream> peer) override;
  void on_failed(std::uint64_t id, const std::string& asked, const std::string& why) override;
  void on_excess(const std::string& why) override;
  forward::SocksReply not_reached(const PeerStream& peer) override;

  void on_closed(const forward::ClosedConnection& closed);
  bool leads_elsewhere(const forward::OpenConnection& connection) const;
  void report_ready() const;

  App& app_;
  SocksDirectory directory_;
  LocalAddress address_;
  std::uint64_t refused_ = 0;
  Refusals refusals_;
  std::map<std::uint64_t, forward::SocksTarget> targets_;  // of those that are joined
  forward::LocalClients joined_;
  forward::SocksClients clients_;
};

}  // namespace hsfwd::cli
