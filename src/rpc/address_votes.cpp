// SPDX-License-Identifier: Apache-2.0
#include "rpc/address_votes.hpp"

#include <algorithm>
#include <optional>

namespace hsfwd::rpc {

namespace {
constexpr std::size_t kMaxVotes = 16;  // NatSampler's window
// Enough of them to outvote one neighbour that lies where all nodes are on one host.
constexpr std::ptrdiff_t kVotesPerHost = 4;
}  // namespace

bool may_see(const net::Address& voter, const net::Address& claim) {
  if (claim.host.is_loopback()) return voter.host.is_loopback();
  if (net::is_reserved(claim.host)) return net::is_reserved(voter.host);
  return net::is_private(claim.host) || !net::is_bogon(voter.host);
}

net::Address constituency(const net::Address& voter, const net::Address& claim) {
  if (net::is_bogon(claim.host)) return voter;
  return {voter.host.slash_24(), 0};
}

bool are_neighbours(net::Ipv4 a, net::Ipv4 b) {
  return net::is_bogon(a) ? a == b : a.slash_24() == b.slash_24();
}

bool AddressVotes::mostly_public() const {
  const auto of_public = std::count_if(votes_.begin(), votes_.end(), [](const Vote& vote) {
    return !net::is_bogon(vote.claim.host);
  });
  return static_cast<std::size_t>(of_public) * 2 > votes_.size();
}

bool AddressVotes::add(const net::Address& claim, const net::Address& voter) {
  if (!may_see(voter, claim)) return false;
  if (net::is_bogon(claim.host) && mostly_public()) return false;
  add_vote(voter, claim);
  return true;
}

void AddressVotes::make_room(net::Ipv4 host) {
  const auto on_host = [host](const Vote& vote) { return vote.voter.host == host; };
  if (std::count_if(votes_.begin(), votes_.end(), on_host) >= kVotesPerHost) {
    votes_.erase(std::find_if(votes_.begin(), votes_.end(), on_host));
  }
  if (votes_.size() >= kMaxVotes) votes_.erase(votes_.begin());
}

void AddressVotes::add_vote(const net::Address& voter, const net::Address& claim) {
  const Vote vote{constituency(voter, claim), claim, voter};
  std::erase_if(votes_, [&](const Vote& old) { return old.constituency == vote.constituency; });
  make_room(voter.host);
  votes_.push_back(vote);
  tally_ = {};
  for (const Vote& counted : votes_) tally_.add(counted.claim);
}

std::optional<net::Address> AddressVotes::verdict() const {
  if (!host() || port() == 0) return std::nullopt;
  return net::Address{*host(), port()};
}

std::vector<net::Address> AddressVotes::dissenters(const net::Address& address) const {
  std::vector<net::Address> out;
  for (const Vote& vote : votes_) {
    if (vote.claim != address) out.push_back(vote.voter);
  }
  return out;
}

}  // namespace hsfwd::rpc
