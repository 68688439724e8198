// SPDX-License-Identifier: Apache-2.0
// A link whose connection belongs to a session: it stays open for as long as the session waits for its peer, which is longer
// than packets have any use of.
#include "overlay/link.hpp"

#include <catch2/catch.hpp>
#include <memory>
#include <vector>

#include "overlay/packet_pool.hpp"
#include "unit/forward/streams.hpp"

namespace hsfwd::overlay {

namespace {

/// Takes packets as long as `takes`, and brings what it is told to.
class QuietPeer final : public forward::ScriptedPeer {
 public:
  QuietPeer(forward::Script& script, const bool& takes) : ScriptedPeer(script), takes_(takes) {}
  bool in_session() const override { return true; }
  bool takes_packets() const override { return true; }
  std::size_t max_packet() const override { return 1400; }
  std::size_t send_packets(std::span<const MutableBytes> packets) override {
    return takes_ ? packets.size() : 0;
  }
  void set_packet_observer(PacketObserver* observer) override { observer_ = observer; }
  void bring(MutableBytes packet) { observer_->on_packets({&packet, 1}); }

 private:
  const bool& takes_;
  PacketObserver* observer_ = nullptr;
};

struct Ends final : LinkOwner {
  void on_packets(Link&, std::span<const MutableBytes>) override {}
  void on_undeliverable(Link&, ByteView) override { ++undeliverable; }
  void on_link_changed(Link&) override {}
  std::size_t undeliverable = 0;
};

struct Run {
  Run() {
    scheduler.freeze(Instant::from_micros(1'000'000));
    outside.take_id = [this] { return ++ids; };
    outside.dial = [this](const PublicKey&, std::uint64_t) -> std::unique_ptr<PeerStream> {
      ++dials;
      return std::make_unique<QuietPeer>(dialled, takes);
    };
    PublicKey peer;
    peer.bytes[0] = 9;
    link.emplace(scheduler, pool, PublicKey(), peer, Link::Terms(), outside, owner);
    auto accepted = std::make_unique<QuietPeer>(script, takes);
    connection = accepted.get();
    link->accept(std::move(accepted));
  }
  /// A packet every 100 ms, as programs go on to send.
  void send_for(Duration time) {
    for (const Instant until = scheduler.now() + time; scheduler.now() < until;) {
      Bytes memory(net::kTunnelHeadroom + 100 + net::kTunnelTailroom);
      const MutableBytes packet = MutableBytes(memory).subspan(net::kTunnelHeadroom, 100);
      link->send({&packet, 1});
      scheduler.advance_to(scheduler.now() + 100_ms);
    }
  }

  Scheduler scheduler;
  PacketPool pool{1024 * 1024};
  Ends owner;
  Link::Outside outside;
  forward::Script script;
  forward::Script dialled;
  QuietPeer* connection = nullptr;  // while the link has it
  bool takes = true;
  std::uint64_t ids = 0;
  int dials = 0;
  std::optional<Link> link;
};

}  // namespace

TEST_CASE("a connection of a session that takes packets and brings none is given up") {
  Run run;
  run.send_for(Link::kUnanswered + Link::kGivenUp - 1_s);
  CHECK_FALSE(run.script.was_reset);
  run.send_for(5_s);
  CHECK(run.script.was_reset);
}

TEST_CASE("a connection of a session that takes no packets any more is given up") {
  Run run;
  // The peer is heard, and the path is gone a moment later: before it is time to ask for the peer.
  const bool heard = GENERATE(true, false);
  run.send_for(500_ms);
  Bytes packet(100);
  if (heard) run.connection->bring(packet);
  run.send_for(500_ms);
  run.takes = false;
  run.send_for(Link::kUnanswered + Link::kGivenUp + 4_s);
  CHECK(run.script.was_reset);
  CHECK(run.dials > 0);
}

}  // namespace hsfwd::overlay
