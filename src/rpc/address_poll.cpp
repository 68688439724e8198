// SPDX-License-Identifier: Apache-2.0
#include "rpc/address_poll.hpp"

#include <algorithm>
#include <utility>

#include "rpc/node.hpp"

namespace hsfwd::rpc {

namespace {
constexpr std::size_t kPolled = 5;  // as many as the network check asks
constexpr int kPollRetries = 1;
}  // namespace

AddressPoll::AddressPoll(Node& node) : node_(node), calls_(node.env().scheduler) {}

bool AddressPoll::start(const net::Address& address, const std::vector<net::Address>& dissenters,
                        Done done) {
  HSFWD_CHECK(!running());
  done_ = std::move(done);
  opinions_.clear();
  choose(address, dissenters, false);
  if (asked_.empty()) choose(address, dissenters, true);
  missing_ = asked_.size();
  for (const net::Address& node : asked_) ask(node);
  return missing_ > 0;
}

void AddressPoll::cancel() {
  calls_.retire_all();
}

void AddressPoll::choose(const net::Address& address, const std::vector<net::Address>& dissenters,
                         bool neighbours) {
  asked_.clear();
  std::vector<net::Address> taken;
  for (const net::Address& dissenter : dissenters)
    taken.push_back(constituency(dissenter, address));
  const auto denies = [&](net::Ipv4 host) {
    return std::any_of(dissenters.begin(), dissenters.end(), [&](const net::Address& dissenter) {
      return are_neighbours(dissenter.host, host);
    });
  };
  for (const net::Address& node : shuffled(node_.known_nodes(node_.table().size()))) {
    if (asked_.size() >= kPolled) return;
    const net::Address vote = constituency(node, address);
    if (!may_see(node, address) || (!neighbours && denies(node.host))) continue;
    if (std::find(taken.begin(), taken.end(), vote) != taken.end()) continue;
    taken.push_back(vote);
    asked_.push_back(node);
  }
}

/// Whoever has been met last has no better chance, nor whoever has many nodes in the table.
std::vector<net::Address> AddressPoll::shuffled(std::vector<net::Address> nodes) const {
  for (std::size_t i = nodes.size(); i > 1; --i) {
    std::swap(nodes[i - 1], nodes[node_.env().random.below(static_cast<std::uint32_t>(i))]);
  }
  return nodes;
}

void AddressPoll::ask(const net::Address& node) {
  Call& call = calls_.emplace(node_.calls(), [this](const CallResult& result) { on_pong(result); });
  node_.ping(call, node, nullptr, kPollRetries);
}

void AddressPoll::on_pong(const CallResult& result) {
  if (result) opinions_.push_back({result->from, result->message.to});
  if (--missing_ > 0) return;
  cancel();
  const Done done = std::move(done_);
  done(opinions_);
}

}  // namespace hsfwd::rpc
