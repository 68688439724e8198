// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "hyperdht/nat/nat_classifier.hpp"
#include "net/env.hpp"
#include "rpc/call.hpp"

namespace hsfwd::hyperdht {

struct Context;

/// Finds out what the NAT in front of one socket does: pings nodes of the DHT from it and feeds
/// what they see to a classifier.
///
/// Differs from upstream: one node more is asked than is needed, nodes on hosts of their own come
/// first, the nodes of a /24 have one vote together where there are others, and silent ones are
/// made up for after a fraction of a second, so that a lost datagram does not cost the connection a
/// second.
class NatProbe {
 public:
  /// `on_settled` is called once, at the end of a dispatch.
  NatProbe(const Context& context, net::UdpSocket& socket, std::function<void()> on_settled);
  /// With what is known of the socket already: nobody is asked, and on_settled is not called.
  NatProbe(const Context& context, net::UdpSocket& socket, NatClassifier known);

  /// A sample from elsewhere: the answer of a relay, say. It counts unless a neighbour of the
  /// reporter's has been heard.
  void add(const net::Address& ours, const net::Address& reporter);

  /// Ends asking; the socket is not touched any more.
  void cancel();

  NatClassifier& nat() { return nat_; }
  const NatClassifier& nat() const { return nat_; }
  /// The verdict is as good as it gets.
  bool settled() const { return gave_up_ || nat_.settled(); }

 private:
  void ask(std::size_t count);
  bool ask_one(bool strangers_only);
  bool asked(const net::Address& node) const;
  bool asked_neighbour(net::Ipv4 host) const;
  bool counts(const net::Address& ours, const net::Address& reporter);
  void on_wave();

  const Context& context_;
  net::UdpSocket& socket_;
  NatClassifier nat_;
  std::vector<net::Address> asked_;
  std::vector<net::Ipv4> heard_;  // of no two neighbours
  std::size_t strangers_asked_ = 0;
  bool scarce_ = false;  // too few that are no neighbours for a verdict
  std::vector<std::unique_ptr<rpc::Call>> calls_;
  int waves_ = 0;
  bool gave_up_ = false;
  Timer wave_timer_;
  Task settled_task_;
};

}  // namespace hsfwd::hyperdht
