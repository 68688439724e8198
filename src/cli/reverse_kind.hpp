// SPDX-License-Identifier: Apache-2.0
// [[reverse]]: addresses of a peer that lead to services of this machine.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/events/event.hpp"
#include "cli/peer_reference.hpp"
#include "cli/tunnel.hpp"
#include "forward/reverse_forward.hpp"

namespace hsfwd::cli {

extern const TunnelKind kReverseKind;

struct ReverseStatus {
  std::string peer;
  std::string name;
  std::string listen;  // of the peer's; as asked for until it listens
  std::string target;
  bool listening = false;
  std::uint64_t connections = 0;
  std::uint64_t bytes_to_peer = 0;
  std::uint64_t bytes_from_peer = 0;
  Omittable<std::uint64_t> rate_to_peer;  // bytes a second, by two of status --watch
  Omittable<std::uint64_t> rate_from_peer;
  Omittable<std::string> problem;  // that keeps the peer from listening
  static constexpr void fields(auto list) {
    list(field("peer", &ReverseStatus::peer), field("name", &ReverseStatus::name),
         field("listen", &ReverseStatus::listen), field("target", &ReverseStatus::target),
         field("listening", &ReverseStatus::listening),
         field("connections", &ReverseStatus::connections),
         field("bytesToPeer", &ReverseStatus::bytes_to_peer),
         field("bytesFromPeer", &ReverseStatus::bytes_from_peer),
         field("rateToPeer", &ReverseStatus::rate_to_peer),
         field("rateFromPeer", &ReverseStatus::rate_from_peer),
         field("problem", &ReverseStatus::problem));
  }
};

/// One address; a [[reverse]] has one or more.
struct ReverseSpec final : TunnelSpec {
  ReverseSpec(PeerReference p, forward::ReverseForward f)
      : peer(std::move(p)), forward(std::move(f)) {}

  const TunnelKind& kind() const override { return kReverseKind; }
  std::string key() const override;
  bool same(const TunnelSpec& other) const override;
  void check(Preflight& preflight) const override;
  std::unique_ptr<Tunnel> make(App& app) const override;

  PeerReference peer;
  forward::ReverseForward forward;
};

}  // namespace hsfwd::cli
