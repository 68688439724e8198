// SPDX-License-Identifier: Apache-2.0
#include "cli/key_listener.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/app.hpp"

namespace hsfwd::cli {

namespace {
constexpr const char* kNoNetwork =
    "its network does not have your key among its peers, or is not up";
// What an announcement takes at most where nothing is wrong.
constexpr Duration kAnnouncementTime = 20_s;
constexpr const char* kNoServices = "it has no services for your key";
}  // namespace

KeyListener::KeyListener(App& app, const KeyPair& keys, std::string identity,
                         std::optional<platform::IdentityLock> lock)
    : app_(app),
      keys_(keys),
      identity_(std::move(identity)),
      lock_(std::move(lock)),
      guests_(app.scheduler()),
      refusals_(app.scheduler(), app.log(), app.names()),
      reachability_(app, keys.public_key),
      again_timer_(app.scheduler(), [this] { try_to_announce(); }),
      stopped_tasks_(app.scheduler()) {}

void KeyListener::prepare(Unavailable unavailable) {
  if (lock_) return;
  auto lock = platform::IdentityLock::acquire(public_key(), identity_, app_.log());
  if (lock) {
    lock_ = std::move(*lock);
    problem_.clear();
    return;
  }
  if (unavailable == Unavailable::kRefused) {
    throw UserError{kFailed, "IDENTITY_IN_USE", lock.error().why};
  }
  problem_since_ = app_.scheduler().now();
  problem_ = fmt::format("identity {} is announced by another hsfwd process", identity_);
}

void KeyListener::start(Offer& offer) {
  offers_.push_back(&offer);
  if (problem_.empty()) return announce();
  app_.output().error("IDENTITY_IN_USE", problem_ + "; trying again");
  again_timer_.start(kTunnelTryAgain);
}

void KeyListener::try_to_announce() {
  if (!lock_) {
    auto lock = platform::IdentityLock::acquire(public_key(), identity_, app_.log());
    if (!lock) return again_timer_.start(kTunnelTryAgain);
    lock_ = std::move(*lock);
  }
  problem_.clear();
  announce();
}

void KeyListener::announce() {
  if (server_) return;
  server_ = app_.node().create_server(
      [this](PeerSocket socket) { on_connection(std::move(socket)); }, server_options());
  unannounced_since_ = app_.scheduler().now();
  server_->on_announced([this](std::size_t introducers) { on_announced(introducers); });
  if (!server_->listen(keys_)) {
    throw UserError{kFailed, "KEY_IN_USE", "this identity is exposed twice"};
  }
}

void KeyListener::on_announced(std::size_t introducers) {
  if (introducers > 0) {
    unannounced_since_.reset();
  } else if (!unannounced_since_) {
    unannounced_since_ = app_.scheduler().now();
  }
  for (Offer* offer : std::vector(offers_)) offer->on_announced(introducers);
}

std::vector<Trouble> KeyListener::troubles() const {
  const std::string thing = "key " + key_text(public_key()).substr(0, kShortKey);
  if (!problem_.empty()) {
    return {{.code = "IDENTITY_IN_USE",
             .thing = thing,
             .state = "not announced from here",
             .why = problem_,
             .advice = "end that process, or give this one another identity; hsfwd keeps trying",
             .since = problem_since_}};
  }
  const Instant now = app_.scheduler().now();
  if (unannounced_since_ && now > *unannounced_since_ + kAnnouncementTime) {
    return {{.code = "NOT_ANNOUNCED",
             .thing = thing,
             .state = "not announced, peers do not find it",
             .why = "no node of the DHT has accepted the announcement yet",
             .advice = "hsfwd keeps trying; hsfwd netcheck shows what this network does to UDP",
             .since = *unannounced_since_,
             .of_network = true}};
  }
  return reachability_.troubles();
}

void KeyListener::stop(Offer& offer, std::function<void()> done) {
  std::erase(offers_, &offer);
  if (offers_.empty()) again_timer_.stop();
  if (offers_.empty() && server_) {
    return server_->close([this, done = std::move(done)] {
      server_.reset();
      done();
    });
  }
  stopped_tasks_.emplace(app_.scheduler(), std::move(done)).post();
}

ServerOptions KeyListener::server_options() {
  ServerOptions out;
  out.allow = [this](const Visitor& visitor) {
    const bool allowed = admits(visitor.key);
    if (!allowed) refusals_.add(component(visitor.key, visitor.extension), visitor.key);
    return allowed;
  };
  out.extension = [this](const PublicKey& who, const std::optional<Extension>& client) {
    return answer(who, client);
  };
  out.sessions = true;
  out.client_relays = [this] { return client_relays(); };
  out.on_reachability = [this](const Reachability& found) { reachability_.on_tested(found); };
  return out;
}

bool KeyListener::admits(const PublicKey& who) const {
  return std::any_of(offers_.begin(), offers_.end(),
                     [&](const Offer* offer) { return offer->admits(who); });
}

Offer* KeyListener::offer_for(const PublicKey& who, const std::optional<Extension>& client) const {
  const auto takes = [&](const Offer* offer) {
    return offer->is_meant(who, client) && offer->admits(who);
  };
  const auto expected = std::find_if(offers_.begin(), offers_.end(), [&](const Offer* offer) {
    return !client && offer->expects(who);
  });
  // Not into a service, for want of what it came for.
  if (expected != offers_.end()) return takes(*expected) ? *expected : nullptr;
  const auto found = std::find_if(offers_.begin(), offers_.end(), takes);
  return found != offers_.end() ? *found : nullptr;
}

std::optional<Extension> KeyListener::answer(const PublicKey& who,
                                             const std::optional<Extension>& client) const {
  if (!client) return std::nullopt;
  const Offer* const offer = offer_for(who, client);
  return offer != nullptr ? offer->answer(who, *client) : Extension{};
}

/// For a guest, and for a plain peer where there are no services, whatever there is.
const char* KeyListener::component(const PublicKey& who,
                                   const std::optional<Extension>& client) const {
  const auto found = std::find_if(offers_.begin(), offers_.end(),
                                  [&](const Offer* offer) { return offer->is_meant(who, client); });
  if (found != offers_.end()) return (*found)->component();
  return offers_.empty() ? "expose" : offers_.front()->component();
}

/// Relays of clients learn this machine's key only where nothing is offered to everybody.
ClientRelayPolicy KeyListener::client_relays() const {
  ClientRelayPolicy out = ClientRelayPolicy::kRefuse;
  for (const Offer* offer : offers_) {
    const ClientRelayPolicy one = offer->client_relays();
    if (one == ClientRelayPolicy::kAnonymous) return one;
    if (one == ClientRelayPolicy::kOpen) out = one;
  }
  return out;
}

void KeyListener::on_connection(PeerSocket accepted) {
  // It was let in when its handshake came, and the settings may have changed since.
  if (!admits(accepted.remote_key())) return;
  std::unique_ptr<PeerStream> peer = accepted.release();
  const auto client = peer->info().extension;
  const bool is_guest = client && !client->wants_service() && !client->wants_packets();
  if (is_guest) return welcome_guest(std::move(peer));
  if (Offer* const offer = offer_for(peer->remote_key(), client)) {
    return offer->on_connection(std::move(peer));
  }
  peer->reset_because(client && client->wants_packets() ? kNoNetwork : kNoServices);
}

void KeyListener::welcome_guest(std::unique_ptr<PeerStream> peer) {
  const auto client = peer->info().extension;
  auto ticket = app_.admission().admit(peer->remote_key());
  if (!ticket) {
    refusals_.add_excess(component(peer->remote_key(), client), ticket.error());
    return peer->reset_because(ticket.error());
  }
  const std::string key = key_text(peer->remote_key());
  app_.log().about(key).info(component(peer->remote_key(), client), "{} examines the connection",
                             key);
  guests_.add(std::move(peer), std::move(*ticket));
}

std::vector<net::Address> KeyListener::introducers() const {
  return server_ ? server_->introducers() : std::vector<net::Address>();
}

std::shared_ptr<KeyListener> KeyListeners::get(App& app, const KeyPair& keys,
                                               const std::string& identity,
                                               std::optional<platform::IdentityLock> lock) {
  std::erase_if(by_key_, [](const auto& entry) { return entry.second.expired(); });
  auto& known = by_key_[keys.public_key];
  std::shared_ptr<KeyListener> out = known.lock();
  if (!out) {
    out = std::make_shared<KeyListener>(app, keys, identity, std::move(lock));
    known = out;
  }
  return out;
}

}  // namespace hsfwd::cli
