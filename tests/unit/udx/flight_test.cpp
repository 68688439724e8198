// SPDX-License-Identifier: Apache-2.0
// Flight against a plain list of the same packets.
#include "udx/flight.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <vector>

#include "sim/random.hpp"

using namespace hsfwd;
using namespace hsfwd::udx;

namespace {

/// Flight and its model, to which the same happens.
struct FlightTwins {
  static constexpr std::uint64_t kOfOthers = 5000;
  struct Plain {
    std::uint16_t size;
    PacketState state = PacketState::kInFlight;
  };

  void push(std::uint16_t size) {
    SentPacket packet;
    packet.size = size;
    const SeqNo seq = flight.push(packet);
    REQUIRE(seq == begin + static_cast<std::uint32_t>(plain.size()));
    plain.push_back({size});
    order.push_back(seq);
  }
  void lose(SeqNo seq) {
    flight.mark_lost(seq);
    at(seq).state = PacketState::kLost;
    std::erase(order, seq);
  }
  void acknowledge(SeqNo seq) {
    REQUIRE(flight.mark_acked(seq) == (at(seq).state != PacketState::kAcked));
    at(seq).state = PacketState::kAcked;
    std::erase(order, seq);
  }
  void resend(SeqNo seq) {
    flight.resend(seq, Instant::from_micros(++time));
    REQUIRE(flight.at(seq).sent_at.to_micros() == time);
    at(seq).state = PacketState::kInFlight;
    std::erase(order, seq);
    order.push_back(seq);
  }
  void pop_acknowledged() {
    while (!plain.empty() && plain.front().state == PacketState::kAcked) {
      flight.pop_front();
      plain.pop_front();
      begin = begin.next();
    }
  }

  Plain& at(SeqNo seq) { return plain[static_cast<std::size_t>(seq - begin)]; }
  std::size_t count(PacketState state) const {
    return static_cast<std::size_t>(std::count_if(
        plain.begin(), plain.end(), [&](const Plain& p) { return p.state == state; }));
  }

  void compare() {
    REQUIRE(flight.begin() == begin);
    REQUIRE(flight.end() == begin + static_cast<std::uint32_t>(plain.size()));
    REQUIRE(flight.in_flight_packets() == order.size());
    REQUIRE(flight.lost_packets() == count(PacketState::kLost));
    REQUIRE(flight.acked_packets() == count(PacketState::kAcked));
    std::uint64_t bytes = 0;
    for (const SeqNo seq : order) bytes += at(seq).size;
    REQUIRE(flight.in_flight_bytes() == bytes);
    REQUIRE(on_path.bytes == kOfOthers + bytes);
    REQUIRE(flight.has_in_flight() == !order.empty());
    if (!order.empty()) {
      REQUIRE(flight.oldest_in_flight() == order.front());
      REQUIRE(flight.newest_in_flight() == order.back());
    }
    REQUIRE(flight.has_lost() == (count(PacketState::kLost) > 0));
    if (flight.has_lost()) REQUIRE(flight.first_lost() == first_lost());
  }
  /// The whole list, both ways.
  void compare_order() {
    std::vector<SeqNo> forwards, backwards;
    if (flight.has_in_flight()) {
      SeqNo seq = flight.oldest_in_flight();
      for (forwards.push_back(seq); flight.at(seq).has_next; forwards.push_back(seq)) {
        seq = flight.at(seq).next;
      }
      seq = flight.newest_in_flight();
      for (backwards.push_back(seq); flight.at(seq).has_previous; backwards.push_back(seq)) {
        seq = flight.at(seq).previous;
      }
    }
    std::reverse(backwards.begin(), backwards.end());
    REQUIRE(forwards == order);
    REQUIRE(backwards == order);
  }
  SeqNo first_lost() {
    SeqNo seq = begin;
    while (at(seq).state != PacketState::kLost) seq = seq.next();
    return seq;
  }

  SeqNo begin{0xffffff80};  // numbers wrap around soon
  BytesInFlight on_path{kOfOthers};
  Flight flight{begin, on_path};
  std::deque<Plain> plain;
  std::vector<SeqNo> order;  // of those under way, by time of sending
  std::int64_t time = 0;
};

}  // namespace

TEST_CASE("Flight agrees with a plain list of packets") {
  FlightTwins twins;
  sim::SeededRandom random(1);
  for (int i = 0; i < 20'000; ++i) {
    const auto size = static_cast<std::uint32_t>(twins.plain.size());
    const SeqNo any = twins.begin + (size > 0 ? random.below(size) : 0);
    const std::uint32_t what = random.below(10);
    if (size == 0 || (what < 3 && size < 100)) {
      twins.push(static_cast<std::uint16_t>(random.below(1500)));
    } else if (what < 5) {
      if (twins.at(any).state == PacketState::kInFlight) twins.lose(any);
    } else if (what < 8) {
      twins.acknowledge(any);
    } else if (twins.at(any).state != PacketState::kAcked) {
      twins.resend(any);
    }
    if (random.below(8) == 0) twins.pop_acknowledged();
    twins.compare();
    if (i % 50 == 0) twins.compare_order();
  }
  CHECK(twins.begin.value < 0x80000000);  // it has wrapped around
}

TEST_CASE("Flight counts transmissions up to 255") {
  BytesInFlight on_path;
  Flight flight({0}, on_path);
  SentPacket packet;
  packet.transmissions = 1;
  const SeqNo seq = flight.push(packet);
  flight.resend(seq, Instant());
  CHECK(flight.at(seq).transmissions == 2);
  for (int i = 0; i < 300; ++i) flight.resend(seq, Instant());
  CHECK(flight.at(seq).transmissions == 255);
  CHECK(flight.in_flight_packets() == 1);
}

TEST_CASE("what a Flight has in flight leaves its path with it, and never twice") {
  BytesInFlight on_path;
  SentPacket packet;
  packet.size = 1000;
  Flight stays({0}, on_path);
  stays.push(packet);
  {
    Flight goes({0}, on_path);
    goes.push(packet);
    const SeqNo lost = goes.push(packet);
    goes.mark_lost(lost);
    CHECK(on_path.bytes == 2000);
    goes.leave_path();
    CHECK(on_path.bytes == 1000);
    goes.resend(lost, Instant::from_micros(1));
    CHECK(goes.in_flight_bytes() == 2000);
    CHECK(on_path.bytes == 1000);
  }
  CHECK(on_path.bytes == 1000);
}
