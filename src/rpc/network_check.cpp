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
  reached_by_.clear();
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
  const bool known = std::find(nodes_.begin(), nodes_.end(), address) != nodes_.end();
  if (!known && node_.calls().unanswered(address) == 0) nodes_.push_back(address);
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
    calls_.back()->start(std::move(spec));
  }
}

void NetworkCheck::on_server_datagram(const net::Address& from) {
  // Of the rest of the world nothing is remembered.
  const bool asked = running_ && std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
    return node.host == from.host;
  });
  if (asked) reached_by_.insert(from.host);
}

void NetworkCheck::on_pong(const CallResult& result) {
  if (result) pongs_.push_back({result->from.host, result->message.to});
  if (--missing_ == 0) conclude();
}

void NetworkCheck::conclude() {
  for (auto& call : calls_) node_.env().scheduler.retire(std::move(call));
  calls_.clear();
  NatSampler probed;
  std::size_t count = 0;
  for (const Pong& pong : pongs_) {
    if (!reached_by_.contains(pong.from)) continue;
    ++count;
    probed.add(pong.to);
  }
  const std::size_t needed = nodes_.size() >= kProbes ? 3 : 1;
  // A NAT that maps the port to another one is no open host, however well it forwards today.
  const bool passed = count >= needed && probed.host() && probed.host() == node_.sampler().host() &&
                      probed.port() == node_.server_socket().local_address().port;
  running_ = false;
  // The callback may start the next check, and with it replace itself.
  const Done done = std::move(done_);
  done(passed, probed);
}

}  // namespace hsfwd::rpc
