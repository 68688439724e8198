// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <unordered_set>
#include <vector>

#include "rpc/bootstrap_nodes.hpp"
#include "rpc/call.hpp"
#include "rpc/nat_sampler.hpp"

namespace hsfwd::rpc {

class Node;

/// Finds out whether the server socket can be reached from outside without having sent anything
/// first: asks a few nodes, from the client socket, to answer to the server socket's port.
class NetworkCheck {
 public:
  /// `passed`, and the address under which the server socket was seen.
  using Done = std::function<void(bool passed, const NatSampler& probed)>;

  explicit NetworkCheck(Node& node) : node_(node) {}

  bool running() const { return running_; }
  void start(Done done);
  /// Ends it without a word.
  void cancel();
  /// A datagram came in on the server socket.
  void on_server_datagram(const net::Address& from);

 private:
  static constexpr std::size_t kProbes = 5;

  void add(const net::Address& address);
  void probe();
  void on_pong(const CallResult& result);
  void conclude();

  Node& node_;
  Done done_;
  bool running_ = false;
  std::vector<net::Address> nodes_;
  std::unique_ptr<BootstrapWalk> walk_;
  std::vector<std::unique_ptr<Call>> calls_;
  std::size_t missing_ = 0;
  std::unordered_set<net::Ipv4> reached_by_;  // hosts whose datagrams came in on the server socket
  struct Pong {
    net::Ipv4 from;
    net::Address to;
  };
  std::vector<Pong> pongs_;
};

}  // namespace hsfwd::rpc
