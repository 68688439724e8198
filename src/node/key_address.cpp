// SPDX-License-Identifier: Apache-2.0
#include "node/key_address.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "crypto/crypto.hpp"

namespace hsfwd {

namespace {

constexpr std::string_view kIpv6Label = "hsfwd network ipv6 address";

// fd and the first 40 bits of BLAKE2b-256("hsfwd network").
constexpr std::array<std::uint8_t, 6> kPrefix = {0xfd, 0xae, 0x7d, 0x21, 0xd7, 0x3d};
constexpr std::size_t kInterfaceId = 8;  // where it begins

struct ReservedIds {
  std::uint64_t first;
  std::uint64_t last;
};
// IANA's registry of reserved interface ids (RFC 5453): the anycast address of a subnet's routers,
// IANA's own block of Ethernet addresses, anycast addresses of a subnet.
constexpr ReservedIds kReservedIds[] = {
    {0, 0}, {0x02005efffe000000, 0x02005efffeffffff}, {0xfdffffffffffff80, 0xfdffffffffffffff}};

bool is_reserved_id(ByteView interface_id) {
  std::uint64_t id = 0;
  for (const std::uint8_t byte : interface_id) id = id << 8 | byte;
  return std::any_of(std::begin(kReservedIds), std::end(kReservedIds),
                     [id](const ReservedIds& ids) { return ids.first <= id && id <= ids.last; });
}

}  // namespace

ip::Prefix network_prefix() {
  ip::Ipv6 base;
  copy_bytes(kPrefix, base.bytes);
  return ip::Prefix::around(base, 8 * static_cast<int>(kPrefix.size()));
}

ip::Ipv6 key_address(const crypto::PublicKey& key) {
  return address_of_hash(crypto::blake2b_256_keyed(as_bytes(kIpv6Label), {key.view()}));
}

ip::Ipv6 address_of_hash(const crypto::Hash32& hash) {
  ip::Ipv6 out = network_prefix().host;
  const MutableBytes bytes = out.bytes;
  copy_bytes(hash.view().first(bytes.size() - kPrefix.size()), bytes.subspan(kPrefix.size()));
  // No reserved id differs from another one in this bit alone.
  if (is_reserved_id(bytes.subspan(kInterfaceId))) bytes[kInterfaceId] ^= 0x80;
  return out;
}

}  // namespace hsfwd
