// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/keys.hpp"
#include "forward/connection.hpp"
#include "forward/destination_rule.hpp"
#include "forward/listen_permit.hpp"
#include "net/vicinity.hpp"

namespace hsfwd::forward {

/// What somebody may reach.
struct Permit {
  static constexpr std::string_view kAllServices = "*";
  std::optional<crypto::PublicKey> who;    // nothing: whoever is let in
  std::vector<std::string> services = {};  // by name, or kAllServices
  std::optional<DestinationRule> to = std::nullopt;

  /// The part behind `WHO:`: services, separated by commas, or a DestinationRule, which has a colon. The
  /// error is one clause for people.
  static Result<Permit, std::string> parse(std::optional<crypto::PublicKey> who,
                                           std::string_view what);

  bool operator==(const Permit&) const = default;
};

/// All that the permits for somebody name.
struct Rights {
  bool all_services = false;
  std::set<std::string, std::less<>> services;
  std::vector<DestinationRule> destinations;
  std::vector<ListenPermit> listens;

  bool has_service(std::string_view service) const {
    return all_services || services.contains(service);
  }
};

/// Who may reach what. Whatever lets peers in asks here, when they knock, when they say what they
/// want, and again when the policy has changed.
class Policy {
 public:
  /// Those with destinations are looked through for every connection to one.
  static constexpr std::size_t kMaxPermits = 1024;

  /// Everybody may reach all services.
  Policy() = default;
  /// Only these keys may; everybody if there are none. With permits nothing is reached but what one of them
  /// names; without, all services.
  explicit Policy(std::set<crypto::PublicKey> keys, std::vector<Permit> permits = {},
                  std::vector<ListenPermit> listens = {});

  /// Whether there is anything that `who` may reach. Others get no answer.
  bool admits(const crypto::PublicKey& who) const;
  /// A service that this host offers by its name.
  bool allows_service(const crypto::PublicKey& who, std::string_view service) const;
  /// Whether the destination, an address that the peer has chosen itself, may be one that it may reach, as far
  /// as can be known before a name is looked up.
  bool may_allow_destination(const crypto::PublicKey& who, const Destination& to) const;
  /// Whether it is one, given its address.
  bool allows_destination(const crypto::PublicKey& who, const Destination& to,
                          const net::Place& at) const;
  /// Whether a permit has it by its name, so that whether there is one is no secret.
  bool names_destination(const crypto::PublicKey& who, const Destination& to) const;

  /// Whether the peer of a connection to a service or a destination may have it now.
  bool still_allows(const OpenConnection& connection, net::Vicinity& vicinity, Instant now) const;

  /// Where this host listens for `who`: nowhere unless that is permitted.
  std::vector<ListenPermit> listens_for(const crypto::PublicKey& who) const;
  bool may_listen(const crypto::PublicKey& who, const ListenRequest& at) const;

  bool admits_everybody() const;
  /// Those that are named; none if everybody is admitted.
  const std::set<crypto::PublicKey>& keys() const { return keys_; }
  const std::vector<Permit>& permits() const { return permits_; }
  const std::vector<ListenPermit>& listens() const { return listens_; }

  bool operator==(const Policy& other) const {
    return keys_ == other.keys_ && permits_ == other.permits_ && listens_ == other.listens_;
  }

 private:
  bool is_named(const crypto::PublicKey& who) const { return keys_.empty() || keys_.contains(who); }
  /// Whether the rights of this key, or of whoever is let in, are such; without permits nobody has any.
  template <class Open>
  bool has_right(const crypto::PublicKey& who, Open&& open) const;
  template <class Opens>
  bool has_rule(const crypto::PublicKey& who, Opens&& opens) const;

  std::set<crypto::PublicKey> keys_;
  std::vector<Permit> permits_;
  std::vector<ListenPermit> listens_;
  // As the permits say, by whom they are for.
  std::map<crypto::PublicKey, Rights> rights_;
  std::optional<Rights> everybodys_;
};

}  // namespace hsfwd::forward
