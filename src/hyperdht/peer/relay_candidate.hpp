// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "hyperdht/peer/path_race.hpp"
#include "hyperdht/peer/relayed_path.hpp"

namespace hsfwd::hyperdht {

/// A blind relay that one of the two sides has named.
class RelayCandidate : public PathCandidate, protected RelayedPath::Owner {
 public:
  /// `initiator`: we have named it.
  RelayCandidate(PathRace& race, const PeerContext& context, PeerSocket& socket,
                 const RelayThroughInfo& relay, RelayIdentity identity, bool initiator);

  // PathCandidate
  bool start() override;
  bool active() const override { return relay_ && relay_->pairing(); }
  void cancel() override;

 protected:
  // RelayedPath::Owner
  void on_relay_paired(net::UdpSocket& socket, const Address& relay, udx::StreamId leg) override;
  void on_relay_failed() override;

  PathRace& race_;
  const PeerContext& context_;
  const RelayThroughInfo info_;
  RelayIdentity identity_;

 private:
  PeerSocket& socket_;
  const bool initiator_;
  std::unique_ptr<RelayedPath> relay_;  // until it carries
};

}  // namespace hsfwd::hyperdht
