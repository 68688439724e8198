// SPDX-License-Identifier: Apache-2.0
#include "ip/flow.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "unit/ip/packets.hpp"

using namespace hsfwd;
using ip_test::Fields;

namespace {

constexpr std::uint64_t kSecret = 0x0123456789abcdef;

std::uint64_t number_of(const Bytes& packet, std::uint64_t secret = kSecret) {
  return ip::flow_number(*ip::Packet::parse(packet), secret);
}

}  // namespace

TEST_CASE("packets of a connection have one number, others another") {
  for (const bool v6 : {false, true}) {
    Fields fields{.v6 = v6, .fragment = 0};
    const std::uint64_t number = number_of(fields.build());
    fields.seq += 1000;
    fields.id += 1;
    fields.payload = ip_test::pattern(700);
    CHECK(number_of(fields.build()) == number);
    CHECK(number_of(fields.build(), kSecret + 2) != number);
    Fields other = fields;
    other.host += 1;
    CHECK(number_of(other.build()) != number);
    other = fields;
    other.protocol = ip::protocol::kUdp;
    CHECK(number_of(other.build()) != number);
    Bytes ports = fields.build();
    ports[(v6 ? ip::kIpv6HeaderSize : ip::kIpv4HeaderSize) + 1] ^= 1;
    CHECK(number_of(ports) != number);
  }
}

TEST_CASE("numbers are spread evenly over the places of a table, whatever they are made from") {
  constexpr std::size_t kPlaces = 256;
  std::set<std::uint64_t> places;
  Bytes packet = Fields{.fragment = 0}.build();
  // As many as there are places leave a share of 1/e free.
  for (std::size_t port = 0; port < kPlaces; ++port) {
    packet[ip::kIpv4HeaderSize] = static_cast<std::uint8_t>(port);
    places.insert(number_of(packet) % kPlaces);
  }
  CHECK(places.size() > kPlaces / 2);
}
