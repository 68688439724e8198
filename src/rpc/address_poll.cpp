// SPDX-License-Identifier: Apache-2.0
#include "rpc/address_poll.hpp"

#include <algorithm>

#include "rpc/node.hpp"

namespace hsfwd::rpc {

namespace {
constexpr std::size_t kPolled = 5;  // as many as the network check asks
constexpr int kPollDraws = 64;         // in vain, before there are too few others
constexpr int kPollRetries = 1;
}  // namespace

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
  for (auto& call : calls_) node_.env().scheduler.retire(std::move(call));
  calls_.clear();
}

void AddressPoll::choose(const net::Address& address, const std::vector<net::Address>& dissenters,
                         bool neighbours) {
  asked_.clear();
  std::vector<net::Address> taken;
  for (const net::Address& dissenter : dissenters) taken.push_back(constituency(dissenter, address));
  const auto denies = [&](net::Ipv4 host) {
    return std::any_of(dissenters.begin(), dissenters.end(), [&](const net::Address& dissenter) {
      return are_neighbours(dissenter.host, host);
    });
  };
  for (int draw = 0; draw < kPollDraws && asked_.size() < kPolled; ++draw) {
    const RoutingNode* node = node_.table().random(node_.env().random);
    if (node == nullptr) return;
    const net::Address vote = constituency(node->address, address);
    if (!may_see(node->address, address)) continue;
    if (!neighbours && denies(node->address.host)) continue;
    if (std::find(taken.begin(), taken.end(), vote) != taken.end()) continue;
    taken.push_back(vote);
    asked_.push_back(node->address);
  }
}

void AddressPoll::ask(const net::Address& node) {
  calls_.push_back(std::make_unique<Call>(
      node_.calls(), [this](const CallResult& result) { on_pong(result); }));
  node_.ping(*calls_.back(), node, nullptr, kPollRetries);
}

void AddressPoll::on_pong(const CallResult& result) {
  if (result) opinions_.push_back({result->from, result->message.to});
  if (--missing_ > 0) return;
  cancel();
  const Done done = std::move(done_);
  done(opinions_);
}

}  // namespace hsfwd::rpc
