// SPDX-License-Identifier: Apache-2.0
#include "runner.hpp"

namespace hsfwd::vectors {

const std::map<std::string, Check>& suites() {
  static const std::map<std::string, Check> kSuites = {
      {"address-ids", check_address_ids},
      {"applications", check_applications},
      {"blind-relay", check_blind_relay},
      {"compact-encoding", check_compact_encoding},
      {"connect-trace", check_connect_trace},
      {"dht-rpc-ids-tokens", check_rpc_ids_tokens},
      {"dht-rpc-packets", check_rpc_packets},
      {"holepunch-nat", check_holepunch_nat},
      {"hsfwd-network", check_hsfwd_network},
      {"hsfwd-peers", check_hsfwd_peers},
      {"hyperdht-crypto", check_hyperdht_crypto},
      {"hyperdht-messages", check_hyperdht_messages},
      {"nat-sampler", check_nat_sampler},
      {"node-scenarios", check_node_scenarios},
      {"noise-ik", check_noise},
      {"protomux", check_protomux},
      {"routing-table", check_routing_table},
      {"secret-stream", check_secret_stream},
      {"secure-payload", check_secure_payload},
      {"udx-reactions", check_udx_reactions},
      {"udx-relay", check_udx_relay},
      {"udx-transcripts", check_udx_transcripts},
  };
  return kSuites;
}

const std::vector<NotHere>& not_here() {
  static const std::vector<NotHere> kNotHere = {
      {"applications", "discovery-key", "a key of Hypercore's; nothing of it is replicated"},
      {"applications", "hyperbeam-keys", "Hyperbeam's passphrases are not read"},
      {"applications", "hypertele-compress", "hypertele's --compress is not spoken"},
      {"applications", "hyperswarm-duplicate-rule", "a peer may connect more than once"},
      {"secret-stream", "noise-xx", "keys are handed over by Noise IK always"},
  };
  return kNotHere;
}

Unknown::Unknown(const Json& kind) : std::runtime_error("no suite knows " + kind.dump()) {}

void expect(bool holds, const std::string& what) {
  if (!holds) throw Mismatch(what);
}

void expect_bytes(ByteView got, const Json& wanted_hex, const std::string& what) {
  const std::string hex = to_hex(got);
  if (hex != wanted_hex.get<std::string>()) {
    throw Mismatch(what + ": got " + hex + ", wanted " + wanted_hex.get<std::string>());
  }
}

Bytes bytes_of(const Json& hex) {
  const auto bytes = from_hex(hex.get<std::string>());
  expect(bytes.has_value(), "vector has hexadecimal digits that are none");
  return *bytes;
}

std::optional<Bytes> maybe_bytes(const Json& hex) {
  if (hex.is_null()) return std::nullopt;
  return bytes_of(hex);
}

net::Address address_of(const Json& text) {
  const auto address = net::Address::parse(text.get<std::string>());
  expect(address.has_value(), "vector has an address that is none");
  return *address;
}

std::optional<net::Address> maybe_address(const Json& text) {
  if (text.is_null()) return std::nullopt;
  return address_of(text);
}

std::vector<net::Address> addresses_of(const Json& list) {
  std::vector<net::Address> out;
  for (const Json& entry : list) out.push_back(address_of(entry));
  return out;
}

}  // namespace hsfwd::vectors
