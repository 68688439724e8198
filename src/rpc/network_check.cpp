// SPDX-License-Identifier: Apache-2.0
#include "rpc/network_check.hpp"

#include <algorithm>

#include "codec/writer.hpp"
#include "rpc/node.hpp"

namespace hsfwd::rpc {

void NetworkCheck::start(Done done) {
  HSFWD_CHECK(!running_);
  running_ = true;
  done_ = std::move(done);
  nodes_.clear();
  pongs_.clear();
  for (RoutingNode* node = node_.table().newest(); node != nullptr && nodes_.size() < kProbes;
       node = node->older) {
    add(node->address);
  }
  if (nodes_.size() >= kProbes) {
    probe();
    return;
  }
  walk_ = std::make_unique<BootstrapWalk>(
      node_.env(), node_.calls(), node_.options().bootstrap, node_.unresolved_names(),
      [this](const net::Address& address) { add(address); },
      [this] {
        if (walk_ && (nodes_.empty() ? walk_->done() : walk_->settled(1))) probe();
      });
  walk_->start();
}

void NetworkCheck::cancel() {
  running_ = false;
  node_.env().scheduler.retire(std::move(walk_));
  for (auto& call : calls_) node_.env().scheduler.retire(std::move(call));
  calls_.clear();
}

void NetworkCheck::add(const net::Address& address) {
  const auto own = node_.sampler().host();
  if (!own || node_.calls().unanswered(address) != 0) return;
  const net::Address vote = constituency(address, {*own, 0});
  const bool known = std::any_of(nodes_.begin(), nodes_.end(), [&](const net::Address& node) {
    return constituency(node, {*own, 0}) == vote;
  });
  if (!known) nodes_.push_back(address);
}

void NetworkCheck::probe() {
  if (walk_) node_.env().scheduler.retire(std::move(walk_));
  missing_ = nodes_.size();
  if (missing_ == 0) {
    conclude();
    return;
  }
  const std::uint16_t port = node_.server_socket().local_address().port;
  for (const net::Address& to : nodes_) {
    calls_.push_back(std::make_unique<Call>(
        node_.calls(), [this](const CallResult& result) { on_pong(result); }));
    RequestSpec spec;
    spec.to = to;
    spec.internal = true;
    spec.command = static_cast<std::uint64_t>(InternalCommand::kPingNat);
    spec.value = codec::encode([&](codec::Writer& w) { w.u16(port); });
    spec.answered_on = &node_.server_socket();
    calls_.back()->start(std::move(spec));
  }
}

void NetworkCheck::on_pong(const CallResult& result) {
  if (result) pongs_.push_back({result->from, result->message.to});
  if (--missing_ == 0) conclude();
}

std::optional<net::Address> NetworkCheck::most_seen() const {
  std::optional<net::Address> best;
  std::ptrdiff_t most = 0;
  for (const Pong& pong : pongs_) {
    const auto same = std::count_if(pongs_.begin(), pongs_.end(),
                                    [&](const Pong& other) { return other.to == pong.to; });
    if (same <= most) continue;
    most = same;
    best = pong.to;
  }
  return best;
}

void NetworkCheck::conclude() {
  for (auto& call : calls_) node_.env().scheduler.retire(std::move(call));
  calls_.clear();
  AddressVotes probed;
  if (const auto seen = most_seen()) {
    for (const Pong& pong : pongs_) {
      if (pong.to == *seen) probed.add(pong.to, pong.from);
    }
  }
  const std::size_t enough = nodes_.size() >= kProbes ? 3 : 1;
  const std::size_t needed = std::max(enough, pongs_.size() / 2 + 1);
  // A NAT that maps the port to another one is no open host, however well it forwards today.
  const bool passed = probed.samples() >= needed && probed.host() == node_.sampler().host() &&
                      probed.port() == node_.server_socket().local_address().port;
  running_ = false;
  // The callback may start the next check, and with it replace itself.
  const Done done = std::move(done_);
  done(passed, probed);
}

}  // namespace hsfwd::rpc
