// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "hyperdht/nat/connect_error.hpp"
#include "hyperdht/nat/path_kind.hpp"
#include "hyperdht/wire/extension.hpp"
#include "net/address.hpp"
#include "node/keys.hpp"
#include "util/time.hpp"

namespace hsfwd {

using hyperdht::ConnectError;
using hyperdht::Extension;
using hyperdht::PathKind;

/// A connection to a peer, as it stands now.
struct PeerInfo {
  PublicKey key;
  bool outgoing = false;  // made by this side
  bool open = false;
  PathKind path = PathKind::kDirect;
  net::Address remote;                       // where the path leads, once it is open
  ConnectError error = ConnectError::kNone;  // why it is over
  /// What an hsfwd peer said of itself when the keys were agreed on; nothing for a plain peer.
  std::optional<Extension> extension;

  Duration rtt;                  // smoothed
  std::size_t mtu = 0;           // bytes of a datagram's payload
  std::uint64_t bytes_sent = 0;  // without repeats
  std::uint64_t bytes_received = 0;
  std::uint64_t packets_repeated = 0;
  std::optional<std::uint64_t> session;  // the one that it is a part of, SessionInfo::id

  bool is_hsfwd() const { return extension.has_value(); }
};

}  // namespace hsfwd
