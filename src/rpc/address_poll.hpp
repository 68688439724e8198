// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "rpc/call.hpp"
#include "util/owned_set.hpp"

namespace hsfwd::rpc {

class Node;

/// Asks some nodes, drawn from the routing table, where they see us: whether an address that others
/// deny is still the own one. Those who deny it are not asked, nor, if there are others, who lives
/// on the host or in the /24 of one.
class AddressPoll {
 public:
  struct Opinion {
    net::Address voter;
    net::Address claim;
  };
  /// What came in of it, maybe nothing.
  using Done = std::function<void(const std::vector<Opinion>&)>;

  explicit AddressPoll(Node& node);

  bool running() const { return !calls_.empty(); }
  /// False when there is nobody to be asked.
  bool start(const net::Address& address, const std::vector<net::Address>& dissenters, Done done);
  void cancel();

 private:
  void choose(const net::Address& address, const std::vector<net::Address>& dissenters,
              bool neighbours);
  std::vector<net::Address> shuffled(std::vector<net::Address> nodes) const;
  void ask(const net::Address& node);
  void on_pong(const CallResult& result);

  Node& node_;
  Done done_;
  std::vector<net::Address> asked_;
  OwnedSet<Call> calls_;
  std::size_t missing_ = 0;
  std::vector<Opinion> opinions_;
};

}  // namespace hsfwd::rpc
