// SPDX-License-Identifier: Apache-2.0
#include "node/find_peer.hpp"

#include <memory>
#include <optional>

#include "hyperdht/dht.hpp"
#include "hyperdht/store/operations.hpp"
#include "node/internals.hpp"

namespace hsfwd {

struct FindPeer::Impl {
  Impl(Node& node, const PublicKey& peer, OnFound on_found, OnDone on_done)
      : find(
            Internals::dht(node).node(), peer,
            [on_found = std::move(on_found)](const net::Address& introducer,
                                             const hyperdht::PeerRecord&) { on_found(introducer); },
            std::move(on_done)) {}
  hyperdht::FindPeer find;
};

FindPeer::FindPeer(Node& node, const PublicKey& peer, OnFound on_found, OnDone on_done)
    : impl_(std::make_unique<Impl>(node, peer, std::move(on_found), std::move(on_done))) {}

FindPeer::~FindPeer() = default;

void FindPeer::start() {
  impl_->find.start();
}

void FindPeer::cancel() {
  impl_->find.cancel();
}

std::uint64_t FindPeer::asked() const {
  const rpc::Query& query = impl_->find.query();
  return static_cast<std::uint64_t>(query.successes() + query.errors());
}

std::uint64_t FindPeer::hops() const {
  return static_cast<std::uint64_t>(impl_->find.query().hops());
}

struct NodePing::Impl {
  Impl(rpc::Node& n, Done done)
      : node(n), call(node.calls(), [done = std::move(done)](const rpc::CallResult& result) {
          done(result ? std::optional(result->rtt) : std::nullopt);
        }) {}
  rpc::Node& node;
  rpc::Call call;
};

NodePing::NodePing(Node& node, Done done)
    : impl_(std::make_unique<Impl>(Internals::dht(node).node(), std::move(done))) {}

NodePing::~NodePing() = default;

void NodePing::start(const net::Address& to) {
  impl_->node.ping(impl_->call, to);
}

void NodePing::cancel() {
  impl_->call.cancel();
}

}  // namespace hsfwd
