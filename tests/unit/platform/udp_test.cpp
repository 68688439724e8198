// SPDX-License-Identifier: Apache-2.0
// Real sockets on loopback, both kinds.
#include <catch2/catch.hpp>

#include "platform/loop.hpp"
#include "platform/common/udp_options.hpp"

using namespace hsfwd;
using namespace hsfwd::platform;

namespace {

/// Writes down what comes, and stops the loop at a datagram of one byte.
struct Listener final : net::UdpObserver {
  explicit Listener(Loop& l) : loop(l) {}
  void on_datagrams(net::UdpSocket&, std::span<net::InboundDatagram> batch) override {
    for (const net::InboundDatagram& datagram : batch) {
      if (datagram.bytes.size() == 1) loop.stop();
      heard.push_back(to_bytes(datagram.bytes));
    }
  }
  Loop& loop;
  std::vector<Bytes> heard;
};

/// Two sockets of either kind, and a loop that gives up after a while.
struct Sockets {
  explicit Sockets(bool plain)
      : factory(plain ? make_plain_udp_factory(loop) : make_udp_factory(loop)),
        listener(loop),
        receiver(*factory->bind({net::Ipv4::of(127, 0, 0, 1), 0}, listener)),
        sender(*factory->bind({net::Ipv4::of(127, 0, 0, 1), 0}, listener)),
        give_up(loop.scheduler(), [this] { loop.stop(); }) {
    give_up.start(10_s);
  }
  void send(const std::vector<Bytes>& datagrams, bool may_fragment = false) {
    std::vector<net::OutboundDatagram> batch;
    for (const Bytes& bytes : datagrams) {
      batch.push_back({.to = receiver->local_address(),
                       .parts = {bytes, {}, {}},
                       .may_fragment = may_fragment});
    }
    REQUIRE(sender->send(batch) == batch.size());
  }

  Loop loop;
  std::unique_ptr<net::UdpFactory> factory;
  Listener listener;
  std::unique_ptr<net::UdpSocket> receiver;
  std::unique_ptr<net::UdpSocket> sender;
  Timer give_up;
};

Bytes numbered(std::size_t size, std::uint8_t number) {
  return Bytes(size, number);
}

}  // namespace

TEST_CASE("datagrams arrive whole and in order, one by one and as a batch") {
  const bool plain = GENERATE(false, true);
  CAPTURE(plain);
  Sockets sockets(plain);
  std::vector<Bytes> sent;
  for (std::uint8_t i = 0; i < 100; ++i) sent.push_back(numbered(i % 7 == 0 ? 700 : 1200, i));
  sent.push_back({});
  sent.push_back(numbered(1, 0));
  sockets.send(sent);
  sockets.loop.run();
  CHECK((sockets.listener.heard == sent));
}

// Whatever the system has put together of fragments, or not: what is behind reads into less.
TEST_CASE("a datagram above the largest that peers take is dropped, and no other") {
  const bool plain = GENERATE(false, true);
  CAPTURE(plain);
  Sockets sockets(plain);
  const Bytes largest = numbered(net::kMaxDatagram, 1);
  sockets.send({numbered(net::kMaxDatagram + 1, 2), largest, numbered(10'000, 3)});
  // As many of one size are sent, and received, in one call.
  sockets.send({numbered(5000, 4), numbered(5000, 5), numbered(5000, 6), largest});
  sockets.send({numbered(65'507, 7)}, true);
  sockets.send({numbered(1, 0)});
  sockets.loop.run();
  CHECK((sockets.listener.heard == std::vector<Bytes>{largest, largest, numbered(1, 0)}));
}
