// SPDX-License-Identifier: Apache-2.0
// Keys, addresses and numbers as people write them.
#include "crypto/crypto.hpp"
#include "fuzz/input.hpp"
#include "hyperdht/wire/key_text.hpp"
#include "rpc/bootstrap_nodes.hpp"
#include "util/text.hpp"

using namespace hsfwd;

namespace {

template <class T>
void check_text_round_trip(std::string_view text) {
  const auto value = T::parse(text);
  if (!value) return;
  const auto again = T::parse(value->to_string());
  HSFWD_CHECK(again && again->to_string() == value->to_string());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  crypto::initialize();
  const std::string_view text = as_text({data, size});
  if (const auto key = hyperdht::parse_key(text)) {
    HSFWD_CHECK(hyperdht::parse_key(hyperdht::key_text(*key)) == key);
    HSFWD_CHECK(hyperdht::parse_key(to_hex(key->view())) == key);
  }
  if (const auto address = hyperdht::HolesailAddress::parse(text)) {
    const auto& shared = address->shared_identity;
    HSFWD_CHECK(!shared || shared->public_key == address->key);
  }
  if (const auto bytes = from_hex(text)) HSFWD_CHECK(from_hex(to_hex(*bytes)) == bytes);
  if (const auto bytes = from_z32(text)) {
    HSFWD_CHECK(to_z32(*bytes).size() == text.size() && from_z32(to_z32(*bytes)) == bytes);
  }
  if (const auto number = parse_decimal(text, 65535)) {
    HSFWD_CHECK(*number <= 65535 && parse_decimal(std::to_string(*number), 65535) == number);
  }
  parse_decimal(text, ~std::uint64_t{0});
  check_text_round_trip<net::Ipv4>(text);
  check_text_round_trip<net::Address>(text);
  check_text_round_trip<rpc::BootstrapNode>(text);
  return 0;
}
