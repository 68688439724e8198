// SPDX-License-Identifier: Apache-2.0
// The two things hsfwd is for, as objects: services of this machine that peers reach, and local ports
// that lead to a peer's services. Both report what happens as events.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "cli/app.hpp"
#include "forward/guests.hpp"
#include "platform/identity_file.hpp"

namespace hsfwd::cli {

class Exposure {
 public:
  struct Settings {
    KeyPair keys;
    platform::IdentityLock lock;
    std::vector<forward::Service> services;
    std::set<PublicKey> allow;  // everybody if empty
  };

  Exposure(App& app, Settings settings);
  ~Exposure();

  /// `on_announced` is called after each round of announcing. Throws UserError.
  void start(std::function<void(std::size_t relays)> on_announced);
  /// Says where the services are to be found.
  void report_listening() const;
  const PublicKey& public_key() const { return settings_.keys.public_key; }

 private:
  std::optional<Extension> answer_extension(const std::optional<Extension>& theirs) const;
  void on_connection(PeerSocket socket);
  void report_reachability(const Reachability& report);

  App& app_;
  Settings settings_;
  forward::ServiceHost host_;
  forward::Guests guests_;
  std::optional<Server> server_;
  std::optional<Reachability> reported_;
};

class PeerTunnel {
 public:
  PeerTunnel(App& app, std::string peer_name, PeerReference peer,
             std::vector<forward::LocalForward> forwards);
  ~PeerTunnel();

  /// Opens the local ports. Throws UserError.
  void listen();
  /// Asks the DHT whether the peer is there; `done` hears of the error, kNone for none.
  void find_peer(std::function<void(ConnectError)> done);
  void report_ready() const;
  /// A connection to a service, as the local ports make one for each client.
  std::unique_ptr<hyperdht::PeerSocket> dial(const std::string& service, std::uint64_t id);
  const std::string& peer_name() const { return peer_name_; }

 private:
  struct Listening {
    forward::LocalForward wanted;
    std::unique_ptr<forward::PortForward> forward;
  };

  void on_open(const hyperdht::PeerSocket& socket, const std::string& service, std::uint64_t id);
  void on_closed(const forward::ClosedConnection& closed);

  App& app_;
  const std::string peer_name_;
  const PeerReference peer_;
  std::vector<Listening> listening_;
  std::unique_ptr<hyperdht::FindPeer> find_;
};

/// Why a peer does not have the service that was asked for; empty if it does.
std::string service_problem(const hyperdht::PeerSocket& socket, const std::string& service);
void report_connection(const App& app, std::uint64_t id, const hyperdht::PeerSocket& socket,
                       const std::string& service);
/// Tells of every move of the connection to another kind of path.
void report_path_changes(const App& app, std::uint64_t id, hyperdht::PeerSocket& socket);
void report_closed(const App& app, const forward::ClosedConnection& closed);

}  // namespace hsfwd::cli
