// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "rpc/nat_sampler.hpp"

namespace hsfwd::rpc {

/// Whether a host can know: of a public address only public ones do, of a loopback or reserved one
/// those of the same kind.
bool may_see(const net::Address& voter, const net::Address& claim);
/// Whose words count as one: on a public address those of a /24. On any other those of a single
/// node, as a network that is not the public one may live on one host.
net::Address constituency(const net::Address& voter, const net::Address& claim);

/// Two that are likely to be the same person's: in the same /24, or, if not public, on the same
/// host.
bool are_neighbours(net::Ipv4 a, net::Ipv4 b);

/// The own address, voted on by the nodes that answered: the last sixteen constituencies have a
/// vote each, the latest of each counts, of a host four at most, and NatSampler does the counting.
/// While most tell of public addresses, no other kind is heard of.
///
/// Differs from upstream, where every report counts, that of a stranger's request and the twentieth
/// from the same host included.
class AddressVotes {
 public:
  /// `voter` answered a question of ours and sees us at `claim`. False: that does not count.
  bool add(const net::Address& claim, const net::Address& voter);
  /// Without a vote: told by the configuration.
  void add_told(const net::Address& own) { add_vote({}, own); }

  std::optional<net::Ipv4> host() const { return tally_.host(); }
  std::uint16_t port() const { return tally_.port(); }
  bool randomized() const { return tally_.randomized(); }
  std::size_t samples() const { return votes_.size(); }
  /// Host and port, if the votes agree on both.
  std::optional<net::Address> verdict() const;
  /// Those who see us anywhere but at `address`.
  std::vector<net::Address> dissenters(const net::Address& address) const;

 private:
  struct Vote {
    net::Address constituency;
    net::Address claim;
    net::Address voter;
  };
  bool mostly_public() const;
  void make_room(net::Ipv4 host);
  void add_vote(const net::Address& voter, const net::Address& claim);

  std::vector<Vote> votes_;  // the latest last
  NatSampler tally_;
};

}  // namespace hsfwd::rpc
