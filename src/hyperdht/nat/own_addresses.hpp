// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "hyperdht/nat/endpoint.hpp"
#include "hyperdht/nat/local_addresses.hpp"
#include "rpc/node.hpp"

namespace hsfwd::hyperdht {

class SharedPunchSocket;

/// The addresses of this node: those of its interfaces, and those that others see.
class OwnAddresses {
 public:
  OwnAddresses(const net::Env& env, const Endpoint& endpoint, const rpc::Node& node,
               const SharedPunchSocket& punch_socket);

  /// Of the server socket on the own network; see LocalAddresses.
  std::vector<net::Address> all_local() const;
  std::vector<net::Address> validated_local();
  /// The interfaces changed: everything is tested again.
  void invalidate() { local_.invalidate(); }
  /// What is sent there comes back to this node, as far as it knows.
  bool is_own(const net::Address& address) const;

 private:
  const Endpoint& endpoint_;
  const rpc::Node& node_;
  const SharedPunchSocket& punch_socket_;
  LocalAddresses local_;
};

}  // namespace hsfwd::hyperdht
