// SPDX-License-Identifier: Apache-2.0
// A connection between a local stream and a peer, as it is reported.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "forward/destination.hpp"
#include "forward/ending.hpp"
#include "forward/pipe.hpp"
#include "node/peer_stream.hpp"
#include "util/time.hpp"

namespace hsfwd {
class MetricSink;
}

namespace hsfwd::forward {

/// Numbers connections; shared by everything whose connections must not be mixed up.
class ConnectionIds {
 public:
  explicit ConnectionIds(std::uint64_t first = 1) : next_(first) {}
  std::uint64_t take() { return next_++; }

 private:
  std::uint64_t next_;
};

struct ClosedConnection {
  std::uint64_t id = 0;
  PublicKey peer;
  std::string service;  // or a destination; empty: the default of a peer that did not say more
  PipeStats stats;
  Cause cause = Cause::kNormal;
  std::string reason;  // for people; empty: ended normally
  /// Of Cause::kService: what the reason says, without the address of the service.
  std::string service_error;
};

/// What is at the other end of a connection of ours: what was `wanted`, or what the peer calls its default, once
/// it has said so.
std::string service_of(const PeerInfo& peer, const std::string& wanted);

/// A connection as it stands now. What it points to lives until the next event.
struct OpenConnection {
  std::uint64_t id = 0;
  const PeerStream* peer = nullptr;
  std::string service;
  PipeStats stats;
  Instant since;
  std::optional<Destination> destination =
      std::nullopt;                                 // of a ServiceHost, in the place of a service
  std::optional<net::Ipv4> address = std::nullopt;  // of the destination, once it is known
};

/// Hands on what a tunnel counts: its connections now, and what all of them have carried so far.
void collect_tunnel(MetricSink& sink, std::size_t connections, const PipeStats& total);

}  // namespace hsfwd::forward
