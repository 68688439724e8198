// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hyperdht/client/attempts.hpp"
#include "hyperdht/client/relay_cache.hpp"
#include "hyperdht/client/searches.hpp"
#include "hyperdht/peer/context.hpp"

namespace hsfwd::hyperdht {

/// What the attempts to connect of a node share; see Context.
struct ClientContext : PeerContext {
  Attempts& attempts;
  Searches& searches;
  RelayCache& relay_cache;
  const crypto::KeyPair& key_pair;  // of attempts that name no other
};

}  // namespace hsfwd::hyperdht
