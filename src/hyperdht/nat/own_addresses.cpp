// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/nat/own_addresses.hpp"

#include "hyperdht/nat/punch_socket.hpp"

namespace hsfwd::hyperdht {

OwnAddresses::OwnAddresses(const net::Env& env, const Endpoint& endpoint, const rpc::Node& node,
                           const SharedPunchSocket& punch_socket)
    : endpoint_(endpoint), node_(node), punch_socket_(punch_socket), local_(env) {}

std::vector<net::Address> OwnAddresses::all_local() const {
  return local_.all(endpoint_.server().local_address());
}

std::vector<net::Address> OwnAddresses::validated_local() {
  return local_.validated(endpoint_.server().local_address());
}

bool OwnAddresses::is_own(const net::Address& address) const {
  const PunchSocket* const punch = punch_socket_.get();
  return endpoint_.is_own(address) || node_.remote_address() == address ||
         (punch != nullptr && punch->ready() && punch->nat().was_seen_at(address));
}

}  // namespace hsfwd::hyperdht
