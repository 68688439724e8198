// SPDX-License-Identifier: Apache-2.0
#include "udx/rack.hpp"

#include <catch2/catch.hpp>

using namespace hsfwd;
using namespace hsfwd::udx;

namespace {

Instant at_ms(std::int64_t ms) {
  return Instant() + Duration::millis(ms);
}

/// Ten packets, one each millisecond, on a path of a hundred milliseconds.
struct RackRun {
  RackRun() {
    rtt.add_sample(100_ms, Instant());
    for (std::int64_t i = 0; i < 10; ++i) {
      SentPacket packet;
      packet.size = 1000;
      packet.sent_at = at_ms(i);
      packet.transmissions = 1;
      flight.push(packet);
    }
  }
  void acknowledge(std::uint32_t seq, std::int64_t now) {
    rack.on_acked(flight.at({seq}), {seq}, at_ms(now), rtt);
    flight.mark_acked({seq});
  }
  Rack::Verdict detect(std::int64_t now, bool in_recovery = false) {
    return rack.detect(flight, at_ms(now), rtt, in_recovery);
  }
  /// Milliseconds; -1 for never.
  static std::int64_t when(const Rack::Verdict& verdict) {
    return verdict.check_at ? (*verdict.check_at - Instant()).to_millis() : -1;
  }
  bool lost(std::uint32_t seq) const { return flight.at({seq}).state == PacketState::kLost; }

  BytesInFlight on_path;
  Flight flight{{0}, on_path};
  RttEstimator rtt;
  Rack rack;
};

}  // namespace

TEST_CASE("Rack takes nothing for lost before something is acknowledged") {
  RackRun run;
  const auto verdict = run.detect(1'000'000);
  CHECK(verdict.lost == 0);
  CHECK(RackRun::when(verdict) == -1);
}

TEST_CASE("Rack waits a quarter of a round trip for what was overtaken") {
  RackRun run;
  run.acknowledge(2, 102);
  auto verdict = run.detect(102);
  CHECK(verdict.lost == 0);
  CHECK(RackRun::when(verdict) == 125);  // sent at 0, a round trip, a quarter of one
  CHECK(run.detect(124).lost == 0);
  verdict = run.detect(125);
  CHECK(verdict.lost == 1);
  CHECK(verdict.lost_other_than_probe);
  CHECK(run.lost(0));
  CHECK(RackRun::when(verdict) == 126);
  verdict = run.detect(1000);
  CHECK(verdict.lost == 1);
  CHECK(run.lost(1));
  // What left after it is not overtaken by anything.
  CHECK(RackRun::when(verdict) == -1);
  CHECK(run.flight.in_flight_packets() == 7);
}

TEST_CASE("Rack does not wait after three acknowledgements or in recovery") {
  RackRun three;
  for (const std::uint32_t seq : {2u, 3u}) three.acknowledge(seq, 100 + seq);
  CHECK(three.detect(103).lost == 0);
  three.acknowledge(4, 104);
  CHECK(three.detect(104).lost == 2);

  RackRun recovering;
  recovering.acknowledge(2, 102);
  CHECK(recovering.detect(102, true).lost == 2);
}

TEST_CASE("Rack has patience again once the path has reordered") {
  RackRun run;
  run.acknowledge(5, 105);
  run.acknowledge(4, 106);
  run.acknowledge(6, 106);
  run.acknowledge(7, 107);
  CHECK(run.detect(107).lost == 0);
  CHECK(run.detect(107, true).lost == 0);
  CHECK(run.detect(125).lost == 1);
}

TEST_CASE("Rack doubles its patience for each repeat that was not needed") {
  RackRun run;
  run.acknowledge(9, 109);
  const auto repeat_in_vain = [&](std::uint32_t seq, std::int64_t now) {
    run.flight.resend({seq}, at_ms(now));
    run.acknowledge(seq, now + 10);  // sooner than a round trip: that was the original
  };
  const auto patience = [&] { return RackRun::when(run.detect(109)) - 100; };
  CHECK(patience() == 25);
  repeat_in_vain(1, 110);
  CHECK(patience() == 50);
  repeat_in_vain(2, 110);
  CHECK(patience() == 100);
  repeat_in_vain(3, 110);
  CHECK(patience() == 100);  // no more than the smoothed round trip
  run.rack.reset();
  CHECK(run.detect(1'000'000).lost == 0);
  run.acknowledge(8, 108);
  // Of another path nothing is known, and more than three are acknowledged.
  CHECK(run.detect(108).lost == 5);
}

TEST_CASE("Rack does not take a repeat in time for reordering") {
  RackRun run;
  run.acknowledge(5, 105);
  run.flight.resend({0}, at_ms(104));
  run.flight.resend({1}, at_ms(105));
  run.acknowledge(1, 205);  // a round trip after it was repeated
  run.acknowledge(6, 206);
  // Three are acknowledged, and in order: no patience.
  CHECK(run.detect(206).lost == 7);
  CHECK(run.lost(0));
}

TEST_CASE("Rack tells lost probes from lost data") {
  RackRun run;
  run.flight.at({0}).probe = true;
  run.acknowledge(1, 101);
  const auto verdict = run.detect(500);
  CHECK(verdict.lost == 1);
  CHECK(!verdict.lost_other_than_probe);
  CHECK(!run.rack.older_than_horizon(run.flight.at({9}), at_ms(133), run.rtt));
  CHECK(run.rack.older_than_horizon(run.flight.at({9}), at_ms(134), run.rtt));
}
