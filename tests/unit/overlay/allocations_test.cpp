// SPDX-License-Identifier: Apache-2.0
// Nothing that is done for each packet allocates, once it has been done for as many.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "overlay/codel.hpp"
#include "overlay/filter.hpp"
#include "overlay/nospoon_frames.hpp"
#include "sim/random.hpp"
#include "unit/failing_allocator.hpp"
#include "unit/overlay/filter_packets.hpp"

using namespace hsfwd;
using namespace hsfwd::overlay;
using namespace hsfwd::overlay_test;

TEST_CASE("a queue that has been as long before allocates nothing") {
  PacketPool pool(std::size_t{16} << 20);
  CodelQueue queue(pool, kOpenQueue);
  Instant now;
  const Bytes packet(1400);
  const auto fill_and_empty = [&] {
    for (int i = 0; i < 1500; ++i) queue.push(packet, now);
    while (!queue.empty()) queue.pop(queue.front(now).size());
    now = now + 10_ms;
  };
  fill_and_empty();
  const FailingAllocator allocator(0);
  for (int i = 0; i < 10; ++i) fill_and_empty();
  CHECK(!FailingAllocator::has_failed());
}

TEST_CASE("a reader of nospoon frames that has read as many before allocates nothing") {
  Bytes stream;
  for (std::size_t i = 0; i < 500; ++i) {
    const Bytes packet(1400 - i);
    const std::size_t at = stream.size();
    stream.resize(at + nospoon::frame_size(packet));
    nospoon::write_frame(packet, MutableBytes(stream).subspan(at));
  }
  nospoon::FrameReader reader(1420);
  const auto read = [&] {
    for (ByteView bytes = stream; !bytes.empty();) bytes = bytes.subspan(reader.feed(bytes));
  };
  read();
  const FailingAllocator allocator(0);
  read();
  CHECK(!FailingAllocator::has_failed());
}

TEST_CASE("a filter that knows many conversations allocates nothing for further ones") {
  Routes routes;
  REQUIRE(routes.add(single(true, kPeerHost), kPeer));
  sim::SeededRandom random(1);
  Filter filter(routes, random);
  filter.set_rules(kPeer, *PortRules::parse(std::vector<std::string>{"tcp:22", "icmp"}));
  const Instant now = Instant() + 1_h;
  Bytes sent = mirrored({.v6 = true, .tcp_flags = ip::tcp_flag::kSyn});
  Bytes received = ip_test::Fields{.v6 = true}.build();
  const Bytes about = error(true, 1, sent);
  const auto pass = [&](std::uint16_t port) {
    ip::store_be16(&sent[ip::kIpv6HeaderSize], port);
    ip::store_be16(&received[ip::kIpv6HeaderSize + 2], port);
    filter.note_outbound(kPeer, *ip::Packet::parse(sent), now);
    return filter.judge_inbound(kPeer, *ip::Packet::parse(received), now) == Verdict::kPass &&
           filter.judge_inbound(kPeer, *ip::Packet::parse(about), now) == Verdict::kError;
  };
  for (std::uint16_t i = 0; i < ConversationLimits{}.most; ++i) {
    REQUIRE(pass(static_cast<std::uint16_t>(10000 + i)));
  }
  bool all = true;
  {
    const FailingAllocator allocator(0);
    for (int i = 0; i < 20000; ++i) all = pass(static_cast<std::uint16_t>(20000 + i)) && all;
  }
  CHECK(!FailingAllocator::has_failed());
  CHECK(all);
}
