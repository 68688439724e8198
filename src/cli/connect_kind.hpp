// SPDX-License-Identifier: Apache-2.0
// [[connect]]: local addresses that lead to a peer's services.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cli/events/event.hpp"
#include "cli/peer_reference.hpp"
#include "cli/tunnel.hpp"
#include "cli/udp_report.hpp"
#include "forward/service.hpp"

namespace hsfwd::cli {

extern const TunnelKind kConnectKind;

struct ConnectStatus {
  std::string listen;
  std::string peer;
  std::string name;
  std::string service;
  std::uint64_t connections = 0;
  Omittable<std::uint64_t> flows;              // of UDP
  Omittable<std::vector<DatagramDrop>> drops;  // of UDP
  std::uint64_t bytes_to_peer = 0;
  std::uint64_t bytes_from_peer = 0;
  Omittable<std::uint64_t> rate_to_peer;  // bytes a second, by two of status --watch
  Omittable<std::uint64_t> rate_from_peer;
  Omittable<std::string> problem;  // that keeps it from being open
  // Why the last client did not get to the peer, or the peer said that none would, and since when, unless one has since
  Omittable<std::string> last_failure;
  Omittable<std::string> last_failure_of;  // client, question
  Omittable<std::uint64_t> last_failure_seconds;
  static constexpr void fields(auto list) {
    list(field("listen", &ConnectStatus::listen), field("peer", &ConnectStatus::peer),
         field("name", &ConnectStatus::name), field("service", &ConnectStatus::service),
         field("connections", &ConnectStatus::connections), field("flows", &ConnectStatus::flows),
         field("drops", &ConnectStatus::drops), field("bytesToPeer", &ConnectStatus::bytes_to_peer),
         field("bytesFromPeer", &ConnectStatus::bytes_from_peer),
         field("rateToPeer", &ConnectStatus::rate_to_peer),
         field("rateFromPeer", &ConnectStatus::rate_from_peer),
         field("problem", &ConnectStatus::problem),
         field("lastFailure", &ConnectStatus::last_failure),
         field("lastFailureOf", &ConnectStatus::last_failure_of),
         field("lastFailureSeconds", &ConnectStatus::last_failure_seconds));
  }
};

/// One local address; a [[connect]] has one or more.
struct ConnectSpec final : TunnelSpec {
  ConnectSpec(PeerReference p, forward::LocalForward f, Duration idle)
      : peer(std::move(p)), forward(std::move(f)), udp_idle(idle) {}

  const TunnelKind& kind() const override { return kConnectKind; }
  std::string key() const override;
  bool same(const TunnelSpec& other) const override;
  const net::StreamAddress* local_address() const override { return &forward.listen; }
  std::unique_ptr<Tunnel> make(App& app) const override;

  PeerReference peer;
  forward::LocalForward forward;
  Duration udp_idle;  // of a UDP one
};

}  // namespace hsfwd::cli
