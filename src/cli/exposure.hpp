// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "cli/expose_kind.hpp"
#include "cli/reachability_report.hpp"
#include "cli/refusals.hpp"
#include "cli/tunnel.hpp"
#include "forward/guests.hpp"
#include "forward/service_host.hpp"
#include "platform/identity_file.hpp"
#include "util/countdown.hpp"

namespace hsfwd::cli {

/// Services of this machine that peers reach under a key.
class Exposure final : public Tunnel {
 public:
  /// `lock` if this process has the key to itself already.
  Exposure(App& app, const ExposeSpec& spec, const KeyPair& keys,
           std::optional<platform::IdentityLock> lock);
  ~Exposure() override;

  void claim(Claims& claims) const override;
  void prepare(Unavailable unavailable) override;
  /// What keeps it from being announced.
  std::optional<Problem> problem() const override;
  /// Begins once this process has the key to itself, and says once where the services are to be
  /// found. Throws UserError.
  void start() override;
  /// The same, but calls `on_announced` after each round of announcing.
  void start(std::function<void(std::size_t relays)> on_announced);
  /// Changes the services, and who may connect: under the same key, with the announcement
  /// untouched. Connections that the new settings would not allow end.
  void change(const TunnelSpec& spec) override;
  void report() override;
  void close(const std::string& reason, std::function<void()> done) override;
  void leave(std::function<void()> done) override;
  Json status() const override;
  void collect(MetricSink& sink) const override;
  std::vector<forward::OpenConnection> connections() const override { return host_.list(); }

  /// Says where the services are to be found.
  void report_listening() const;
  /// Warns of services on this machine at which nobody listens, and of hosts that seem to be meant as
  /// names.
  void look_for_services();

 private:
  const PublicKey& public_key() const { return keys_.public_key; }
  std::vector<net::Address> introducers() const;
  ClientRelayPolicy client_relays() const;
  ServerOptions server_options();
  std::optional<Extension> answer_extension(const std::optional<Extension>& theirs) const;
  void on_connection(PeerSocket socket);
  void serve(std::unique_ptr<PeerStream> socket, forward::Admission::Ticket ticket);
  void refuse(PeerStream& socket, const std::string& why);
  void announce();
  void try_to_announce();
  void withdraw(std::function<void()> done);

  App& app_;
  const KeyPair keys_;
  const std::string identity_;  // path
  /// None while another process announces the key: it is retried.
  std::optional<platform::IdentityLock> lock_;
  forward::Policy policy_;
  bool client_relays_;
  forward::ServiceHost host_;
  forward::Guests guests_;
  Refusals refusals_;
  ReachabilityReport reachability_;
  std::function<void(std::size_t)> on_announced_;
  std::string problem_;
  Timer again_timer_;
  std::optional<Server> server_;
  std::vector<std::unique_ptr<net::Lookup>> lookups_;  // of hosts that may be names
  std::uint64_t refused_ = 0;                          // because there were too many
  bool closing_ = false;
  Countdown left_;
  std::optional<Task> closed_task_;  // of one that was never announced
};

}  // namespace hsfwd::cli
