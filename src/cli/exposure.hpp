// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "cli/expose_kind.hpp"
#include "cli/holesail_listing.hpp"
#include "cli/invitation.hpp"
#include "cli/key_listener.hpp"
#include "cli/tunnel.hpp"
#include "cli/tunnel_events.hpp"
#include "forward/reverse_host.hpp"
#include "forward/service_host.hpp"
#include "forward/udp_host.hpp"
#include "platform/listeners.hpp"
#include "util/countdown.hpp"

namespace hsfwd::cli {

/// Services of this machine that peers reach under a key.
class Exposure final : public Tunnel, Offer, forward::ReverseHost::Observer {
 public:
  Exposure(App& app, const ExposeSpec& spec, std::shared_ptr<KeyListener> listener);
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
  std::optional<Problem> change(const TunnelSpec& spec) override;
  void report() override;
  void close(const std::string& reason, std::function<void()> done) override;
  void leave(std::function<void()> done) override;
  std::vector<Trouble> health() const override;
  Json status() const override;
  void collect(MetricSink& sink) const override;
  std::vector<forward::OpenConnection> connections() const override;

  /// Says where the services are to be found.
  void report_listening() const;
  /// What to type elsewhere.
  std::string connect_line() const { return invitation_lines().connect; }
  /// Warns of services on this machine at which nobody listens, and of hosts without an address, which may be meant as
  /// names of services.
  void look_for_services();

 private:
  /// Warns if nobody listens there. `ports` are read if they are not yet there.
  void look_for(const forward::Service& service, std::optional<platform::ListeningPorts>& ports);
  /// The same for a client of UDP, now and then.
  void look_for_udp(const forward::Service& service);
  /// Warns if it has none.
  void look_up_host(const forward::Service& service);
  // Offer
  const char* component() const override { return "expose"; }
  bool admits(const PublicKey& who) const override { return policy_.admits(who); }
  bool is_meant(const PublicKey& who, const std::optional<Extension>& client) const override;
  Extension answer(const PublicKey& who, const Extension& client) const override;
  void on_connection(std::unique_ptr<PeerStream> peer) override;
  ClientRelayPolicy client_relays() const override;
  void on_announced(std::size_t introducers) override;

  // forward::ReverseHost::Observer
  void on_listening(const PublicKey& peer, const std::string& address) override;
  void on_not_listening(const PublicKey& peer, const std::string& address,
                        const std::string& why) override;
  std::optional<forward::Admission::Ticket> admit_client(const PublicKey& peer) override;
  std::uint64_t take_id() override { return app_.connection_ids().take(); }
  void on_client(std::uint64_t id, PeerStream& to, const std::string& address) override;
  void on_closed(const forward::ClosedConnection& closed) override { report_closed(app_, closed); }

  void on_served(const forward::ClosedConnection& closed);

  const PublicKey& public_key() const { return listener_->public_key(); }
  Omittable<std::string> holesail_string() const;
  Invitation invitation_lines() const;
  std::string invitation_text(const Invitation& lines, const Omittable<std::string>& link) const;
  std::vector<std::string> services_for(const PublicKey& who) const;
  void say_kinds(Extension& told) const;
  const forward::Service* find_service(const PublicKey& who,
                                       const std::optional<Extension>& client) const;
  bool allows(const PublicKey& who, const forward::Destination& to, net::Ipv4 address) const;
  void serve(std::unique_ptr<PeerStream> socket, forward::Admission::Ticket ticket);
  void end_connections(const std::function<bool(const forward::OpenConnection&)>& unwanted,
                       const std::string& reason);
  void serve_udp(std::unique_ptr<PeerStream> socket, const forward::Service& service,
                 forward::Admission::Ticket ticket);
  bool has_udp() const;
  void serve_destination(std::unique_ptr<PeerStream> socket, const forward::Destination& to,
                         forward::Admission::Ticket ticket);
  void refuse(PeerStream& socket, const std::string& why);

  App& app_;
  const std::shared_ptr<KeyListener> listener_;
  const std::string identity_;  // path
  forward::Policy policy_;
  bool client_relays_;
  bool own_key_only_;
  HolesailListing listing_;
  forward::ServiceHost host_;
  forward::UdpHost udp_;          // of those of its services that are UDP
  forward::ReverseHost reverse_;  // of what peers have it listen at
  OversizedReport oversized_;
  std::function<void(std::size_t)> on_announced_;
  std::vector<std::unique_ptr<net::Lookup>> lookups_;  // of hosts that may be names
  std::uint64_t refused_ = 0;                          // because there were too many
  std::map<std::string, Instant> udp_looked_for_;      // services, by name
  struct Unanswered {
    Instant at;
    std::string why;
  };
  std::map<std::string, Unanswered>
      unanswered_;  // services whose last client found nobody, by name
  Countdown left_;
};

}  // namespace hsfwd::cli
