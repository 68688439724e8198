// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hyperdht/peer/context.hpp"
#include "hyperdht/server/client_relays.hpp"

namespace hsfwd::hyperdht {

class Servers;

/// What the servers of a node share; see Context.
struct ServerContext : PeerContext {
  Servers& servers;
  ClientRelays& client_relays;
};

}  // namespace hsfwd::hyperdht
