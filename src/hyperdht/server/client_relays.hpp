// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "crypto/keys.hpp"
#include "net/address.hpp"
#include "util/time.hpp"

namespace hsfwd::hyperdht {

/// How often relays are dialled because clients name them. A dial is a walk through the DHT and a
/// handshake, for a client that has proven nothing, since the relay may be its only way. Clients
/// that are known have a share of their own. What leads to a proof is forgiven, so that in the long
/// run only dials in vain count.
class ClientRelays {
 public:
  using Dial = std::uint64_t;
  struct Client {
    crypto::PublicKey key;
    net::Ipv4 host;
    bool known = false;
  };

  /// A first message has its relay dialled once, however often it comes.
  bool has_served(const crypto::Hash32& first_message) const;
  /// Nothing: not now. Otherwise ended() or forgiven() follows.
  std::optional<Dial> begin(const Client& client, const crypto::Hash32& first_message, Instant now);
  /// The relay is reached, or is not.
  void ended(Dial dial);
  /// The client has proven itself.
  void forgiven(Dial dial);

  static constexpr Duration kWindow = Duration::seconds(60);
  static constexpr std::size_t kMaxInWindow = 30;  // of strangers; as many of known clients
  static constexpr std::size_t kMaxOfOne = 4;      // of a key, or of a host
  static constexpr std::size_t kMaxAtOnce = 4;     // of strangers; as many of known clients
  static constexpr std::size_t kMaxAtOnceOfOne = 2;
  static constexpr std::size_t kMaxRemembered = 1024;  // first messages; hours of dials in vain

 private:
  bool admits(const Client& client) const;
  void remember(const crypto::Hash32& first_message);

  struct Entry {
    Dial dial = 0;
    Client client;
    Instant at;
    bool under_way = true;
  };

  std::vector<Entry> dials_;  // under way, and in vain within the window
  Dial next_ = 1;
  std::vector<crypto::Hash32> served_;  // a ring
  std::size_t oldest_served_ = 0;
};

/// What one client costs of that.
class RelayDial {
 public:
  explicit RelayDial(ClientRelays& relays) : relays_(relays) {}
  ~RelayDial() { ended(); }
  RelayDial(const RelayDial&) = delete;
  RelayDial& operator=(const RelayDial&) = delete;

  /// False: not now.
  bool begin(const ClientRelays::Client& client, const crypto::Hash32& first_message, Instant now);
  /// See ClientRelays; without effect before begin().
  void ended();
  void forgiven();

 private:
  ClientRelays& relays_;
  std::optional<ClientRelays::Dial> dial_;
};

}  // namespace hsfwd::hyperdht
