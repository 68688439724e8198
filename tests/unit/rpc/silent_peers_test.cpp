// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "rpc/call.hpp"

using namespace hsfwd;
using namespace hsfwd::rpc;

namespace {

net::Address nth_peer(std::uint32_t number) {
  return {{net::Ipv4::of(52, 0, 0, 0).value + number}, 49737};
}

}  // namespace

TEST_CASE("a peer's silence counts in a row, and is forgotten after ten minutes") {
  SilentPeers peers;
  const net::Address peer = nth_peer(1);
  const Instant start = Instant::from_micros(1'000'000);
  CHECK(peers.count(peer, start) == 0);
  peers.add(peer, start, start + 1_s);
  // Sent before the last one had failed: the same silence.
  peers.add(peer, start + 500_ms, start + 2_s);
  CHECK(peers.count(peer, start + 2_s) == 1);
  peers.add(peer, start + 2_s, start + 3_s);
  CHECK(peers.count(peer, start + 3_s) == 2);

  SECTION("forgotten") {
    CHECK(peers.count(peer, start + 3_s + 599_s) == 2);
    CHECK(peers.count(peer, start + 3_s + 10_min) == 0);
    peers.add(peer, start + 12_min, start + 13_min);
    CHECK(peers.count(peer, start + 13_min) == 1);
  }
  SECTION("heard") {
    peers.remove(peer);
    CHECK(peers.count(peer, start + 3_s) == 0);
  }
}

TEST_CASE("of more than a thousand silent peers those are forgotten that were silent longest ago") {
  SilentPeers peers;
  const Instant start = Instant::from_micros(1'000'000);
  for (std::uint32_t i = 0; i < 1025; ++i) {
    const Instant now = start + Duration::millis(i * 10);
    peers.add(nth_peer(i), now, now);
    if (i == 1000) peers.add(nth_peer(0), now, now);
  }
  const Instant now = start + 20_s;
  CHECK(peers.count(nth_peer(0), now) == 2);
  CHECK(peers.count(nth_peer(1), now) == 0);
  CHECK(peers.count(nth_peer(2), now) == 1);
  CHECK(peers.count(nth_peer(1024), now) == 1);
}
