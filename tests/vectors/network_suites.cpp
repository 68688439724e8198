// SPDX-License-Identifier: Apache-2.0
// Addresses of keys, docs/protocol/network.md.
#include "crypto/crypto.hpp"
#include "node/address_pool.hpp"
#include "node/key_address.hpp"
#include "runner.hpp"

namespace hsfwd::vectors {

namespace {

void check_address(const ip::Ipv6& address, const Json& v) {
  expect_bytes(address.bytes, v["address"], "address");
  expect(address.to_string() == v["text"], "text of the address");
  expect(ip::Ipv6::parse(v["text"].get<std::string>()) == address, "address of the text");
}

crypto::PublicKey key_of(const std::string& hex) {
  return fixed_of<crypto::PublicKey>(Json(hex));
}

PoolAddresses pool_addresses_of(const Json& object) {
  PoolAddresses out;
  for (const auto& [key, address] : object.items()) {
    const auto host = net::Ipv4::parse(address.get<std::string>());
    expect(host.has_value(), "vector has an address that is none");
    out[key_of(key)] = *host;
  }
  return out;
}

void check_pool_addresses(const Json& v) {
  const auto pool = ip::Prefix::parse(v["pool"].get<std::string>());
  expect(pool.ok(), "vector has a pool that is none");
  std::vector<crypto::PublicKey> keys;
  for (const Json& key : v["keys"]) keys.push_back(key_of(key.get<std::string>()));
  const auto got = assign_addresses(*pool, keys, pool_addresses_of(v["fixed"]));
  expect(got == pool_addresses_of(v["addresses"]), "addresses");
}

}  // namespace

void check_hsfwd_network(const Json& v) {
  if (v.contains("publicKey")) {
    check_address(key_address(fixed_of<crypto::PublicKey>(v["publicKey"])), v);
  } else if (v.contains("hash")) {
    check_address(address_of_hash(fixed_of<crypto::Hash32>(v["hash"])), v);
  } else if (v.contains("keys")) {
    check_pool_addresses(v);
  } else if (v["name"] == "networks") {
    expect(network_prefix().to_string() == v["prefix"], "prefix");
    expect(default_pool().to_string() == v["pool"], "default pool");
  } else {
    throw Unknown(v["name"]);
  }
}

}  // namespace hsfwd::vectors
