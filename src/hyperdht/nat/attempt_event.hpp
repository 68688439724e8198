// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "hyperdht/nat/connect_error.hpp"
#include "hyperdht/nat/punch_failure.hpp"
#include "hyperdht/wire/firewall.hpp"
#include "util/time.hpp"

namespace hsfwd::hyperdht {

/// What a line of an attempt's timeline is about.
enum class AttemptStep {
  kSearch,     // the query for the peer and its relays
  kHandshake,  // through a relay or along an old path
  kDirect,     // a path that needs no punch
  kLan,        // the shortcut on the local network
  kNat,        // what the own NAT does
  kProbe,      // what the peer says of its NAT
  kPunch,
  kRelay,  // a blind relay
  kPath,   // the connection stands, or moved
  kFailed,
};
const char* to_string(AttemptStep step);

/// How an attempt failed, and what was known of the NATs by then.
struct AttemptFailure {
  ConnectError error;
  std::optional<PunchFailure> punch;
  Firewall own_nat = Firewall::kUnknown;
  Firewall peer_nat = Firewall::kUnknown;
};

struct AttemptEvent {
  Instant at;
  AttemptStep step;
  std::string text;                       // one clause for people
  std::optional<AttemptFailure> failure;  // with kFailed, or kPath where it stays on a relay
};

}  // namespace hsfwd::hyperdht
