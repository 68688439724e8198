// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hyperdht/nat/context.hpp"
#include "hyperdht/nat/routes.hpp"
#include "hyperdht/peer/large_frames.hpp"
#include "udx/mux.hpp"
#include "util/buffer_pool.hpp"

namespace hsfwd::hyperdht {

class PeerConnections;
class RelayConnections;

/// What the connections of a node share; see Context.
struct PeerContext : Context {
  udx::Mux& mux;
  Routes& routes;
  PeerConnections& connections;
  RelayConnections& relay_connections;
  /// Buffers for records that have come in and were not taken yet.
  BufferPool& record_pool;
  LargeFrames& large_frames;
  const udx::StreamOptions& stream;
  const Duration& keepalive;
  const std::uint64_t& features;  // of Extension, in every block that is sent
};

}  // namespace hsfwd::hyperdht
