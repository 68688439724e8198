// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "rpc/address_votes.hpp"
#include "rpc/bootstrap_nodes.hpp"
#include "rpc/call.hpp"
#include "util/owned_set.hpp"

namespace hsfwd::rpc {

class Node;

/// Finds out whether the server socket can be reached from outside without having sent anything
/// first: asks a few nodes, from the client socket, to answer to the server socket's port.
///
/// Differs from upstream: of each /24 one node is asked, and what most of them say counts, as soon
/// as they have, where upstream asks the nodes heard of last, all on one host maybe, and waits for
/// all.
class NetworkCheck {
 public:
  /// `passed`, and the address under which the server socket was seen.
  using Done = std::function<void(bool passed, const AddressVotes& probed)>;

  explicit NetworkCheck(Node& node);

  bool running() const { return running_; }
  void start(Done done);
  /// Whether one node's answer reaches the server socket, which promises that the whole would pass.
  void ask_one(const net::Address& node, std::function<void(bool)> done);
  /// Ends both without a word.
  void cancel();

 private:
  static constexpr std::size_t kProbes = 5;
  struct Pong {
    net::Address from;
    net::Address to;
  };

  void add_from_table();
  void add(const net::Address& address);
  std::size_t neighbours_of(const net::Address& address) const;
  void probe();
  RequestSpec question(const net::Address& to) const;
  void on_pong(const CallResult& result);
  std::vector<Pong> agreeing() const;
  std::size_t enough() const;
  void conclude();

  Node& node_;
  Done done_;
  bool running_ = false;
  std::vector<net::Address> nodes_;
  std::size_t places_ = 0;  // of nodes that are no neighbours
  std::unique_ptr<BootstrapWalk> walk_;
  OwnedSet<Call> calls_;
  std::size_t missing_ = 0;
  std::vector<Pong> pongs_;
  std::function<void(bool)> on_one_;
  Call one_;
};

}  // namespace hsfwd::rpc
