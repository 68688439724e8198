// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "hyperdht/nat/path_kind.hpp"
#include "net/address.hpp"
#include "node/keys.hpp"
#include "util/time.hpp"

namespace hsfwd {

/// A session with an hsfwd peer, which the connections to it share, as it stands now.
struct SessionInfo {
  std::uint64_t id = 0;  // of no other session of this node
  PublicKey key;
  bool outgoing = false;    // begun by this side
  std::size_t streams = 0;  // connections that it carries at the moment
  Instant since;            // when it began
  hyperdht::PathKind path = hyperdht::PathKind::kDirect;
  net::Address remote;      // where the path leads, or led
  Duration rtt;             // smoothed
  std::uint64_t moves = 0;  // how often its path has come to lead elsewhere
  /// For how long what was sent has not been answered, while nothing else comes either.
  std::optional<Duration> silent;
  std::string last_error;  // for people; empty: there was none
  Instant last_error_at;
  bool last_error_over = false;  // the peer has been heard again since

  // Of all connections so far, in bytes of theirs, and in the last seconds
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  double send_rate = 0;  // bytes a second
  double receive_rate = 0;
  // Of these, in packets of this side
  std::uint64_t packets_sent = 0;  // with repeats
  std::uint64_t packets_repeated = 0;
  std::uint64_t packets_lost = 0;
};

}  // namespace hsfwd
