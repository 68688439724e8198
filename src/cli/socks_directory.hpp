// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>

#include "cli/peer_reference.hpp"
#include "forward/socks.hpp"

namespace hsfwd::cli {

/// What names in SOCKS requests lead to. No name is looked up on this machine.
class SocksDirectory {
 public:
  using Names = std::map<std::string, PeerReference>;

  /// `peer` gets all that is no name of a peer. `names` are those of the configuration.
  explicit SocksDirectory(std::optional<PeerReference> peer, Names names = {})
      : peer_(std::move(peer)), names_(std::move(names)) {}

  struct Route {
    PeerReference peer;
    std::string service;  // as the peer is asked for it: empty for its default, or a destination
  };
  struct Refusal {
    forward::SocksReply reply;
    std::string why;  // one clause for people
  };
  /// `SERVICE.PEER.hsfwd` leads to that service of that peer, `PEER.hsfwd` to its default one, whatever the
  /// port; PEER is a name of the configuration or a key. Anything else is a destination for the peer.
  Result<Route, Refusal> find(const forward::SocksTarget& target) const;

  const std::optional<PeerReference>& peer() const { return peer_; }
  /// Leads everything to the same.
  bool same(const SocksDirectory& other) const;

 private:
  Result<Route, Refusal> find_service(const std::string& name) const;
  Result<Route, Refusal> find_destination(const forward::SocksTarget& target) const;
  std::optional<PeerReference> find_peer(const std::string& label) const;

  std::optional<PeerReference> peer_;
  Names names_;
};

}  // namespace hsfwd::cli
