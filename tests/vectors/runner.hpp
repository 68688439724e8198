// SPDX-License-Identifier: Apache-2.0
// Golden vectors: files of JSON that were made by the JavaScript packages, or from the sheets where
// only hsfwd does it. A suite is a file; what each of its vectors means is a function.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace hsfwd::vectors {

/// A field that a vector does not have fails that vector; by itself the library stops the program, or
/// goes on with what is not there.
inline void require_field(bool there, const char* what) {
  if (!there) throw std::out_of_range(std::string("has no such field: ") + what);
}

}  // namespace hsfwd::vectors

#define JSON_ASSERT(holds) hsfwd::vectors::require_field(static_cast<bool>(holds), #holds)
#include <nlohmann/json.hpp>

#include "net/address.hpp"
#include "util/bytes.hpp"
#include "util/text.hpp"

namespace hsfwd::vectors {

using Json = nlohmann::json;

/// A vector that does not hold, and how.
struct Mismatch : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// A vector of a kind that its suite does not know.
struct Unknown : std::runtime_error {
  explicit Unknown(const Json& kind);
};

/// Throws Mismatch or Unknown, or returns if the vector holds.
using Check = std::function<void(const Json& vector)>;

/// By file name without its ending.
const std::map<std::string, Check>& suites();

/// A vector of something that hsfwd does not do, whose suite does not know it.
struct NotHere {
  std::string suite;
  std::string name;
  std::string why;
};
const std::vector<NotHere>& not_here();

void check_compact_encoding(const Json& vector);
void check_noise(const Json& vector);
void check_rpc_ids_tokens(const Json& vector);
void check_rpc_packets(const Json& vector);
void check_routing_table(const Json& vector);
void check_nat_sampler(const Json& vector);
void check_hyperdht_messages(const Json& vector);
void check_hyperdht_crypto(const Json& vector);
void check_secure_payload(const Json& vector);
void check_holepunch_nat(const Json& vector);
void check_address_ids(const Json& vector);
void check_node_scenarios(const Json& vector);
void check_connect_trace(const Json& vector);
void check_secret_stream(const Json& vector);
void check_udx_reactions(const Json& vector);
void check_udx_transcripts(const Json& vector);
void check_udx_relay(const Json& vector);
void check_applications(const Json& vector);
void check_hsfwd_network(const Json& vector);
void check_hsfwd_peers(const Json& vector);
void check_protomux(const Json& vector);
void check_blind_relay(const Json& vector);

// --- Helpers of the suites ---

/// A node that gets the datagram stays silent.
bool is_dropped(const net::Address& from, Bytes datagram);

void expect(bool holds, const std::string& what);
void expect_bytes(ByteView got, const Json& wanted_hex, const std::string& what);
Bytes bytes_of(const Json& hex);
/// Nothing for null.
std::optional<Bytes> maybe_bytes(const Json& hex);
net::Address address_of(const Json& text);
std::optional<net::Address> maybe_address(const Json& text);
std::vector<net::Address> addresses_of(const Json& list);

template <class Fixed>
Fixed fixed_of(const Json& hex) {
  const Bytes bytes = bytes_of(hex);
  expect(bytes.size() == Fixed::kSize, "vector has a field of another length");
  return Fixed::from(bytes);
}
template <class Fixed>
std::optional<Fixed> maybe_fixed(const Json& hex) {
  if (hex.is_null()) return std::nullopt;
  return fixed_of<Fixed>(hex);
}

}  // namespace hsfwd::vectors
