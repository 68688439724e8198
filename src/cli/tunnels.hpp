// SPDX-License-Identifier: Apache-2.0
// The two things hsfwd is for, as objects: services of this machine that peers reach, and local ports
// that lead to a peer's services. Both report what happens as events.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "cli/refusals.hpp"
#include "forward/guests.hpp"
#include "platform/identity_file.hpp"

namespace hsfwd::cli {

/// The reason of connections that end with the program.
inline constexpr const char* kEnding = "hsfwd is shutting down";
/// How long peers then have to receive what was sent to them.
inline constexpr Duration kEndingTime = 1_s;

/// Calls `done` with the last of `count` calls, of which there is at least one.
std::function<void()> when_all(std::size_t count, std::function<void()> done);

class Exposure {
 public:
  struct Settings {
    KeyPair keys;
    std::string identity = {};  // path
    /// None while another process announces the key: it is retried.
    std::optional<platform::IdentityLock> lock;
    std::vector<forward::Service> services;  // at least one
    std::set<PublicKey> allow;               // everybody if empty
    bool client_relays = true;               // contact relays named by clients
  };

  Exposure(App& app, Settings settings);
  ~Exposure();

  /// Begins once this process has the key to itself. `on_announced` is called after each round of
  /// announcing. Throws UserError.
  void start(std::function<void(std::size_t relays)> on_announced);
  /// What keeps it from being announced, one line for people; empty if nothing does.
  const std::string& problem() const { return problem_; }
  /// Says where the services are to be found.
  void report_listening() const;
  /// Warns of services on this machine at which nobody listens, and of hosts that seem to be meant as
  /// names.
  void look_for_services();
  /// Changes the services, and who may connect: under the same key, with the announcement
  /// untouched. Connections that the new settings would not allow end.
  void change(std::vector<forward::Service> services, std::set<PublicKey> allow,
              bool client_relays);
  /// Withdraws the announcement, then calls `done`; connections continue.
  void close(std::function<void()> done);
  /// Ends the connections at once, and accepts no more.
  void end_connections(const std::string& reason);
  /// Withdraws the announcement and ends the connections, which get what was sent to them if they
  /// receive it in time; then calls `done`.
  void leave(std::function<void()> done);

  const PublicKey& public_key() const { return settings_.keys.public_key; }
  const std::vector<forward::Service>& services() const { return host_.services(); }
  const std::set<PublicKey>& allowed() const { return settings_.allow; }
  const forward::ServiceHost& host() const { return host_; }
  /// The introducers that accepted the last announcement.
  std::vector<net::Address> relays() const;
  /// The result of its last self test.
  const std::optional<Reachability>& reachability() const { return reported_; }
  /// With its key for a label.
  void collect(MetricSink& sink) const;

 private:
  bool admits(const PublicKey& key) const;
  ClientRelayPolicy client_relays() const;
  std::optional<Extension> answer_extension(const std::optional<Extension>& theirs) const;
  void on_connection(PeerSocket socket);
  void refuse(PeerStream& socket, const std::string& why);
  void report_reachability(const Reachability& report);
  void report_sharing(bool shared) const;
  void announce();
  void try_to_announce();

  App& app_;
  Settings settings_;
  forward::ServiceHost host_;
  forward::Guests guests_;
  Refusals refusals_;
  std::function<void(std::size_t)> on_announced_;
  std::string problem_;
  Timer again_timer_;
  std::optional<Server> server_;
  std::optional<Reachability> reported_;
  std::vector<std::unique_ptr<net::Lookup>> lookups_;  // of hosts that may be names
  std::uint64_t refused_ = 0;                          // connections, because there were too many
  bool closing_ = false;
  std::optional<Task> closed_task_;  // of one that was never announced
};

class PeerTunnel {
 public:
  PeerTunnel(App& app, PeerReference peer, std::vector<forward::LocalForward> forwards);
  ~PeerTunnel();

  /// Opens the local ports. Throws UserError.
  void listen();
  /// Opens those that can be opened. The others are retried from the first report_ready() on.
  void listen_if_possible();
  /// What keeps local ports from being opened, such as another program: "cannot listen on ...", one
  /// line for people; empty if nothing does.
  std::string problem() const;
  /// Asks the peer whether it has the services that local addresses name, and reports those that
  /// it lacks, or that it does not answer.
  void ask_for_services();
  /// Reports where the local ports lead, or why one cannot be opened yet; that one is reported
  /// again once it is open.
  void report_ready();
  /// A connection to a service, as the local ports make one for each client.
  std::unique_ptr<PeerStream> dial(const std::string& service, std::uint64_t id);
  /// Leads the local addresses to another peer or service from now on. Connections to the previous
  /// one end.
  void change(PeerReference peer, const std::string& service);
  /// Ends the connections at once, and accepts no more.
  void close(const std::string& reason);
  /// The same as Exposure::leave(), for the program's end.
  void leave(const std::function<void()>& done);

  struct Listening {
    forward::LocalForward wanted;
    std::unique_ptr<forward::PortForward> forward;
    std::string problem = {};  // why it does not listen, one clause; empty if it does
    std::unique_ptr<net::Lookup> lookup = nullptr;  // of the name that it is to listen on

    /// With the port that was picked, once there is one.
    std::string address() const;
  };
  const std::string& peer_name() const { return peer_.name; }
  const PublicKey& peer_key() const { return peer_.key; }
  const std::vector<Listening>& listening() const { return listening_; }
  /// With each local address for a label.
  void collect(MetricSink& sink) const;

 private:
  void on_open(const PeerInfo& peer, const std::string& service, std::uint64_t id);
  void on_closed(const forward::ClosedConnection& closed);
  void try_to_listen(Listening& entry);
  void try_again();
  void listen_again(Listening& entry);
  void report_ready(const Listening& entry) const;
  void on_services_told();
  void on_not_answered();

  App& app_;
  PeerReference peer_;
  Timer again_timer_;
  std::vector<Listening> listening_;
  /// Of a connection that only asks.
  struct Asking final : net::ByteStreamObserver {
    explicit Asking(PeerTunnel& t) : tunnel(t) {}
    void on_readable() override {}
    void on_writable() override {}
    void on_reset(const std::string&) override { tunnel.on_not_answered(); }
    PeerTunnel& tunnel;
  };
  Asking asking_{*this};
  std::unique_ptr<PeerStream> question_;
};

/// Why a peer does not have the service that was asked for; empty if it does.
std::string service_problem(const PeerInfo& peer, const std::string& service);
void report_connection(const App& app, std::uint64_t id, const PeerInfo& peer,
                       const std::string& service);
/// Reports every move of the connection to another kind of path.
void report_path_changes(const App& app, std::uint64_t id, PeerStream& stream);
void report_closed(const App& app, const forward::ClosedConnection& closed);

}  // namespace hsfwd::cli
