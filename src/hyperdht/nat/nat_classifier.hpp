// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <vector>

#include "hyperdht/wire/protocol.hpp"

namespace hsfwd::hyperdht {

/// What the NAT in front of one socket does, from what others see as its address: the same for
/// everybody (consistent), or another for each of them (random). Upstream's rules.
///
/// Hits only grow, so a consistent verdict stands for the life of the socket; one that turns out to
/// be unstable gets a new socket and a new classifier.
class NatClassifier {
 public:
  /// A node that is not firewalled is open, whatever the samples say.
  explicit NatClassifier(bool firewalled);

  /// `reporter` says it sees us at `ours`. Each counts once; false: it has been heard before.
  bool add(const net::Address& ours, const net::Address& reporter);
  /// Samples are still counted, but the verdict stays: it has been told to the peer.
  void freeze() { frozen_ = true; }
  void unfreeze();

  Firewall verdict() const { return verdict_; }
  bool unknown() const { return verdict_ == Firewall::kUnknown; }
  /// No sample can be expected to say more.
  bool settled() const;
  /// Where peers should punch to. Consistent: addresses seen more than once, at least two entries if
  /// two were seen. Random: the host with port 0. Else empty.
  const std::vector<net::Address>& addresses() const { return addresses_; }
  std::size_t samples() const { return samples_; }
  /// Somebody has seen us there.
  bool was_seen_at(const net::Address& address) const;
  bool was_seen_at(net::Ipv4 host) const;

  static constexpr std::size_t kVerdictFrom = 3;  // samples
  static constexpr std::size_t kEnoughSamples = 4;

 private:
  struct Tally {
    net::Address value;
    int hits = 0;
  };
  static void count(std::vector<Tally>& tallies, const net::Address& value);
  void update();
  Firewall decide() const;

  const bool firewalled_;
  bool frozen_ = false;
  Firewall verdict_;
  std::size_t samples_ = 0;
  std::vector<Tally> full_;   // most hits first
  std::vector<Tally> hosts_;  // the same, ports 0
  std::vector<net::Address> reporters_;
  std::vector<net::Address> addresses_;
};

}  // namespace hsfwd::hyperdht
