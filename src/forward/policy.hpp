// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string_view>
#include <utility>

#include "crypto/keys.hpp"
#include "net/stream_factory.hpp"

namespace hsfwd::forward {

/// Who may reach what. Whatever lets peers in asks here, when they knock, when they say what they
/// want, and again when the policy has changed.
class Policy {
 public:
  /// Everybody may reach all services.
  Policy() = default;
  /// Only these keys may; everybody if there are none.
  explicit Policy(std::set<crypto::PublicKey> keys) : keys_(std::move(keys)) {}

  /// Whether there is anything that `who` may reach. Others get no answer.
  bool admits(const crypto::PublicKey& who) const { return keys_.empty() || keys_.contains(who); }
  /// A service that this host offers by its name.
  bool allows_service(const crypto::PublicKey& who, std::string_view service) const;
  /// An address that the peer has chosen itself, which could be anything that this host can reach:
  /// nobody may, unless a rule says so, and so far no rule can.
  bool allows_destination(const crypto::PublicKey& who, const net::StreamAddress& to) const;

  bool admits_everybody() const { return keys_.empty(); }
  /// Those that are named; none if everybody is admitted.
  const std::set<crypto::PublicKey>& keys() const { return keys_; }

  bool operator==(const Policy&) const = default;

 private:
  std::set<crypto::PublicKey> keys_;
};

}  // namespace hsfwd::forward
