// SPDX-License-Identifier: Apache-2.0
// [[connect]]: local addresses that lead to a peer's services.
#pragma once

#include <memory>
#include <string>

#include "cli/peer_reference.hpp"
#include "cli/tunnel.hpp"
#include "forward/service.hpp"

namespace hsfwd::cli {

extern const TunnelKind kConnectKind;

/// One local address; a [[connect]] has one or more.
struct ConnectSpec final : TunnelSpec {
  ConnectSpec(PeerReference p, forward::LocalForward f)
      : peer(std::move(p)), forward(std::move(f)) {}

  const TunnelKind& kind() const override { return kConnectKind; }
  std::string key() const override;
  bool same(const TunnelSpec& other) const override;
  const net::StreamAddress* local_address() const override { return &forward.listen; }
  std::unique_ptr<Tunnel> make(App& app) const override;

  PeerReference peer;
  forward::LocalForward forward;
};

}  // namespace hsfwd::cli
