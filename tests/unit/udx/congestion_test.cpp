// SPDX-License-Identifier: Apache-2.0
// What the congestion control owes its users: full paths, also lossy ones, and a fair share.
#include <catch2/catch.hpp>
#include <cmath>

#include "pair.hpp"
#include "unit/sanitizer.hpp"

using namespace hsfwd;
using namespace hsfwd::udx;

namespace {

constexpr std::uint64_t kRate = flood(12'500'000);  // 100 Mbit/s, bytes a second

sim::LinkProfile bottleneck(double loss) {
  sim::LinkProfile link;
  link.delay = 25_ms;  // two links each way: 100 ms round trip
  link.rate = kRate;
  link.loss = loss;
  link.queue = kRate / 10;
  return link;
}

}  // namespace

TEST_CASE("one flow fills a 100 ms path, with and without loss") {
  const double loss = GENERATE(0.0, 0.005);  // a link; both are crossed
  CAPTURE(loss);
  Pair pair(40, bottleneck(loss));
  pair.connect();
  pair.a.send(1'000'000'000, false);
  pair.world.run_for(5_s);
  const auto start = pair.b.received;
  pair.world.run_for(20_s);
  const double goodput = static_cast<double>(pair.b.received - start) / 20;
  CAPTURE(goodput / kRate);
  CHECK(goodput > 0.80 * kRate);
  CHECK(pair.b.intact);
}

TEST_CASE("flows that share a bottleneck share it fairly") {
  // Of one chance a good order says little.
  const std::uint64_t seed = GENERATE(41, 42, 43, 44);
  CAPTURE(seed);
  sim::World world(seed);
  Node a_node(world.add_host(net::Ipv4::of(52, 0, 0, 1), bottleneck(0)));
  Node b_node(world.add_host(net::Ipv4::of(52, 0, 0, 2), bottleneck(0)));
  constexpr int kFlows = 4;
  Recorder senders[kFlows];
  Recorder receivers[kFlows];
  for (int i = 0; i < kFlows; ++i) {
    senders[i].stream = a_node.mux_.create_stream(senders[i]);
    receivers[i].stream = b_node.mux_.create_stream(receivers[i]);
    senders[i].stream->connect(*a_node.socket_, receivers[i].stream->id(), b_node.address());
    receivers[i].stream->connect(*b_node.socket_, senders[i].stream->id(), a_node.address());
    senders[i].send(1'000'000'000, false);
    world.run_for(2_s);  // each finds the path occupied by those before
  }
  world.run_for(10_s);
  std::uint64_t before[kFlows];
  for (int i = 0; i < kFlows; ++i) before[i] = receivers[i].received;
  world.run_for(40_s);
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kFlows; ++i) {
    const double x = static_cast<double>(receivers[i].received - before[i]);
    sum += x;
    squares += x * x;
    CHECK(receivers[i].intact);
  }
  const double jain = sum * sum / (kFlows * squares);
  CAPTURE(jain, sum / 40 / kRate);
  CHECK(jain > 0.9);
  CHECK(sum / 40 > 0.85 * kRate);
}
