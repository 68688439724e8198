// SPDX-License-Identifier: Apache-2.0
// Allocations that fail: they end the stream they are for, and no other.
#include "pair.hpp"
#include "unit/failing_allocator.hpp"

using namespace hsfwd;
using namespace hsfwd::udx;

namespace {

constexpr std::uint64_t kBytes = 300'000;

/// Two streams from one host to another. Of what comes in there for the first, one allocation
/// fails.
struct Sick : Node {
  using Node::Node;
  void on_datagrams(net::UdpSocket& socket, std::span<net::InboundDatagram> batch) override {
    if (!victim || done) return Node::on_datagrams(socket, batch);
    for (const net::InboundDatagram& datagram : batch) {
      const auto packet = Packet::parse(datagram.bytes);
      const bool sick = packet && packet->header.stream == *victim && !done;
      if (sick) {
        const FailingAllocator failing(fail_after);
        mux_.on_datagram(socket, datagram);
        done = FailingAllocator::has_failed();
      } else {
        mux_.on_datagram(socket, datagram);
      }
      // One by one, so that the failure is of that stream.
      const bool events = sick && !done;
      if (events) {
        const FailingAllocator failing(fail_after);
        mux_.end_batch();
        done = FailingAllocator::has_failed();
      } else {
        mux_.end_batch();
      }
    }
  }
  std::optional<StreamId> victim;
  std::size_t fail_after = 0;
  bool done = false;
};

struct Reader : Recorder {
  void on_data(std::span<const ByteView> chunks) override {
    // As a layer above allocates for what comes in.
    copies.push_back(std::make_unique<Bytes>(to_bytes(chunks[0])));
    Recorder::on_data(chunks);
  }
  std::vector<std::unique_ptr<Bytes>> copies;
};

}  // namespace

TEST_CASE(
    "a failed allocation ends the stream that it was for, wherever it happens, and no other") {
  int failures = 0;
  for (std::size_t after = 0; after < 8; ++after) {
    // Early packets are kept as well.
    sim::World world(1 + after);
    sim::LinkProfile link;
    link.jitter = 4_ms;
    Node sender(world.add_host(net::Ipv4::of(52, 0, 0, 1), link));
    Sick node(world.add_host(net::Ipv4::of(52, 0, 0, 2), link));
    Recorder a1, a2;
    Reader b1, b2;
    a1.stream = sender.mux_.create_stream(a1);
    a2.stream = sender.mux_.create_stream(a2);
    b1.stream = node.mux_.create_stream(b1);
    b2.stream = node.mux_.create_stream(b2);
    for (auto [a, b] : {std::pair(&a1, &b1), std::pair(&a2, &b2)}) {
      a->stream->connect(*sender.socket_, b->stream->id(), node.address());
      b->stream->connect(*node.socket_, a->stream->id(), sender.address());
    }
    node.victim = b1.stream->id();
    node.fail_after = after;
    a1.send(kBytes, true);
    a2.send(kBytes, true);
    b2.send(kBytes, true);
    world.run_for(30_s);
    CHECK(b2.received == kBytes);
    CHECK(b2.intact);
    CHECK(b2.closed == CloseReason::kFinished);
    if (b1.closed == CloseReason::kNoMemory) {
      ++failures;
      CHECK(a1.closed == CloseReason::kReset);
    } else {
      // No allocation came to that, or it was for a datagram, which is lost then and repeated.
      CHECK(b1.received == kBytes);
      CHECK(b1.intact);
    }
  }
  CHECK(failures >= 3);
}
