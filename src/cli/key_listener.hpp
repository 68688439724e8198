// SPDX-License-Identifier: Apache-2.0
// A key of this process as peers find it: announced once, whatever is offered under it.
//
//   Server ──► KeyListener ──► Offer (services)
//                     │   └──► Offer (a network)
//                     └──► guests, who want nothing and measure the path
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/reachability_report.hpp"
#include "cli/refusals.hpp"
#include "cli/tunnel.hpp"
#include "forward/guests.hpp"
#include "node/hsfwd.hpp"
#include "platform/identity_file.hpp"
#include "util/owned_set.hpp"

namespace hsfwd::cli {

class App;

/// What peers may come for.
class Offer {
 public:
  virtual ~Offer() = default;
  /// What the log calls it.
  virtual const char* component() const = 0;
  virtual bool admits(const PublicKey& who) const = 0;
  /// Whether a client that says this of itself comes for it.
  virtual bool is_meant(const PublicKey& who, const std::optional<Extension>& client) const = 0;
  /// Whether a stock client of that key comes for nothing else.
  virtual bool expects(const PublicKey& who) const {
    static_cast<void>(who);
    return false;
  }
  /// The answer to an hsfwd client that is admitted.
  virtual Extension answer(const PublicKey& who, const Extension& client) const = 0;
  /// A client that is admitted and came for it.
  virtual void on_connection(std::unique_ptr<PeerStream> peer) = 0;
  virtual ClientRelayPolicy client_relays() const = 0;
  /// After each round of announcing, with the number of introducers.
  virtual void on_announced(std::size_t introducers) { static_cast<void>(introducers); }
};

class KeyListener {
 public:
  /// `lock` if this process has the key to itself already. `identity`: path.
  KeyListener(App& app, const KeyPair& keys, std::string identity,
              std::optional<platform::IdentityLock> lock);
  KeyListener(const KeyListener&) = delete;
  KeyListener& operator=(const KeyListener&) = delete;

  const KeyPair& keys() const { return keys_; }
  const PublicKey& public_key() const { return keys_.public_key; }

  /// Sees to it that only this process announces the key. Throws UserError if another one does and
  /// that is kRefused.
  void prepare(Unavailable unavailable);
  /// Why it is not announced; empty if it is, or can be.
  const std::string& problem() const { return problem_; }
  /// Announces the key from now on, or once it can be. Throws UserError.
  void start(Offer& offer);
  /// Nobody comes for the offer any more, at once. With the last one the announcement is taken back.
  void stop(Offer& offer, std::function<void()> done);
  /// The same without a word to anybody.
  void remove(Offer& offer) { std::erase(offers_, &offer); }

  std::vector<net::Address> introducers() const;
  /// The result of the last test.
  const std::optional<Reachability>& reachability() const { return reachability_.last(); }
  std::size_t guests() const { return guests_.count(); }
  /// What keeps peers from finding it, or getting there.
  std::vector<Trouble> troubles() const;
  Refusals& refusals() { return refusals_; }

 private:
  void try_to_announce();
  void announce();
  void on_announced(std::size_t introducers);
  ServerOptions server_options();
  bool admits(const PublicKey& who) const;
  Offer* offer_for(const PublicKey& who, const std::optional<Extension>& client) const;
  std::optional<Extension> answer(const PublicKey& who,
                                  const std::optional<Extension>& client) const;
  /// Of the offer that a client comes for.
  const char* component(const PublicKey& who, const std::optional<Extension>& client) const;
  ClientRelayPolicy client_relays() const;
  void on_connection(PeerSocket socket);
  void welcome_guest(std::unique_ptr<PeerStream> peer);

  App& app_;
  const KeyPair keys_;
  const std::string identity_;
  std::optional<platform::IdentityLock> lock_;  // none while another process announces the key
  std::vector<Offer*> offers_;
  forward::Guests guests_;
  Refusals refusals_;
  ReachabilityReport reachability_;
  std::string problem_;
  Instant problem_since_;                     // if there is one
  std::optional<Instant> unannounced_since_;  // although it is to be
  Timer again_timer_;
  std::optional<Server> server_;
  OwnedSet<Task> stopped_tasks_;
};

/// Those of a process.
class KeyListeners {
 public:
  /// The one that there is, or a new one.
  std::shared_ptr<KeyListener> get(App& app, const KeyPair& keys, const std::string& identity,
                                   std::optional<platform::IdentityLock> lock = std::nullopt);

 private:
  std::map<PublicKey, std::weak_ptr<KeyListener>> by_key_;
};

}  // namespace hsfwd::cli
