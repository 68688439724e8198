// SPDX-License-Identifier: Apache-2.0
#include "rpc/network_check.hpp"

#include <algorithm>
#include <iterator>

#include "codec/writer.hpp"
#include "rpc/node.hpp"

namespace hsfwd::rpc {

NetworkCheck::NetworkCheck(Node& node)
    : node_(node),
      calls_(node.env().scheduler),
      one_(node.calls(), [this](const CallResult& result) { on_one_(result.ok()); }) {}

void NetworkCheck::start(Done done) {
  HSFWD_CHECK(!running_);
  running_ = true;
  done_ = std::move(done);
  nodes_.clear();
  places_ = 0;
  pongs_.clear();
  add_from_table();
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

void NetworkCheck::ask_one(const net::Address& node, std::function<void(bool)> done) {
  on_one_ = std::move(done);
  one_.start(question(node));
}

RequestSpec NetworkCheck::question(const net::Address& to) const {
  const std::uint16_t port = node_.server_socket().local_address().port;
  RequestSpec spec;
  spec.to = to;
  spec.command = InternalCommand::kPingNat;
  spec.value = codec::encode([&](codec::Writer& w) { w.u16(port); });
  spec.answered_on = &node_.server_socket();
  return spec;
}

void NetworkCheck::cancel() {
  one_.cancel();
  running_ = false;
  node_.env().scheduler.retire(std::move(walk_));
  calls_.retire_all();
}

/// Those heard of last; the neighbours of one that is taken after all others.
void NetworkCheck::add_from_table() {
  for (std::size_t neighbours = 0; neighbours < kProbes; ++neighbours) {
    const RoutingNode* node = node_.table().newest();
    for (; node != nullptr && nodes_.size() < kProbes; node = node->older) {
      if (neighbours_of(node->address) == neighbours) add(node->address);
    }
  }
}

std::size_t NetworkCheck::neighbours_of(const net::Address& address) const {
  return static_cast<std::size_t>(std::count_if(
      nodes_.begin(), nodes_.end(),
      [&](const net::Address& node) { return are_neighbours(node.host, address.host); }));
}

void NetworkCheck::add(const net::Address& address) {
  const auto own = node_.sampler().host();
  if (!own || node_.calls().unanswered(address) != 0) return;
  const net::Address vote = constituency(address, {*own, 0});
  const bool known = std::any_of(nodes_.begin(), nodes_.end(), [&](const net::Address& node) {
    return constituency(node, {*own, 0}) == vote;
  });
  if (known) return;
  places_ += neighbours_of(address) == 0;
  nodes_.push_back(address);
}

void NetworkCheck::probe() {
  if (walk_) node_.env().scheduler.retire(std::move(walk_));
  missing_ = nodes_.size();
  if (missing_ == 0) {
    conclude();
    return;
  }
  for (const net::Address& to : nodes_) {
    Call& call =
        calls_.emplace(node_.calls(), [this](const CallResult& result) { on_pong(result); });
    call.start(question(to));
  }
}

void NetworkCheck::on_pong(const CallResult& result) {
  if (result) pongs_.push_back({result->from, result->message.to});
  --missing_;
  // What is missing still would not change it.
  const bool decided = agreeing().size() >= std::max(enough(), nodes_.size() / 2 + 1);
  if (missing_ == 0 || decided) conclude();
}

/// Of those that got through to the server socket, which see us where most of them do.
std::vector<NetworkCheck::Pong> NetworkCheck::agreeing() const {
  std::vector<Pong> best;
  for (const Pong& pong : pongs_) {
    std::vector<Pong> same;
    std::copy_if(pongs_.begin(), pongs_.end(), std::back_inserter(same),
                 [&](const Pong& other) { return other.to == pong.to; });
    if (same.size() > best.size()) best = std::move(same);
  }
  return best;
}

/// Upstream's numbers, of places instead of nodes.
std::size_t NetworkCheck::enough() const {
  return places_ >= kProbes ? 3 : 1;
}

void NetworkCheck::conclude() {
  calls_.retire_all();
  AddressVotes probed;
  for (const Pong& pong : agreeing()) probed.add(pong.to, pong.from);
  // A NAT that maps the port to another one is no open host, however well it forwards today.
  const bool passed = probed.samples() >= std::max(enough(), pongs_.size() / 2 + 1) &&
                      probed.host() == node_.sampler().host() &&
                      probed.port() == node_.server_socket().local_address().port;
  running_ = false;
  // The callback may start the next check, and with it replace itself.
  const Done done = std::move(done_);
  done(passed, probed);
}

}  // namespace hsfwd::rpc
