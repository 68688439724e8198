// SPDX-License-Identifier: Apache-2.0
#include "net/vicinity.hpp"

#include <catch2/catch.hpp>

using namespace hsfwd;
using namespace hsfwd::net;

namespace {

ip::Prefix network(std::string_view text) {
  return *ip::Prefix::parse(text);
}

const Instant kLooked = Instant::from_micros(1'000'000);

}  // namespace

TEST_CASE("a host's own address is in the network that it has it in, or stands alone") {
  Vicinity vicinity([] {
    return HostNetworks{
        .own = {network("192.168.1.5/32"), network("5.6.7.8/32"), network("127.0.0.0/8"),
                network("127.0.0.1/32")},
        .near = {network("192.168.0.0/16"), network("192.168.1.0/24"), network("0.0.0.0/1")}};
  });
  const auto place = [&](Ipv4 host) { return vicinity.place_of(host, kLooked); };
  const Place in_lan = place(Ipv4::of(192, 168, 1, 5));
  CHECK(in_lan.own == network("192.168.1.0/24"));
  CHECK(in_lan.near);
  const Place alone = place(Ipv4::of(5, 6, 7, 8));
  CHECK(alone.own == network("5.6.7.8/32"));
  CHECK(!alone.near);
  const Place neighbour = place(Ipv4::of(192, 168, 2, 1));
  CHECK(!neighbour.own);
  CHECK(neighbour.near);
  const Place loopback = place(Ipv4::loopback());
  CHECK(!loopback.own);
  // A default route in two halves is one.
  const Place far = place(Ipv4::of(8, 8, 8, 8));
  CHECK(!far.own);
  CHECK(!far.near);
}

TEST_CASE("who is near is looked at again after some seconds, and at once when it has changed") {
  HostNetworks networks;
  int looked = 0;
  Vicinity vicinity([&] {
    ++looked;
    return networks;
  });
  const Ipv4 host = Ipv4::of(5, 6, 7, 8);
  CHECK(!vicinity.place_of(host, kLooked).own);
  networks.own = {network("5.6.7.8/32")};
  CHECK(!vicinity.place_of(host, kLooked + Vicinity::kLookAgain).own);
  CHECK(looked == 1);
  CHECK(vicinity.place_of(host, kLooked + Vicinity::kLookAgain + 1_ms).own);
  networks.own.clear();
  vicinity.forget();
  CHECK(!vicinity.place_of(host, kLooked + Vicinity::kLookAgain + 1_ms).own);
}
