// SPDX-License-Identifier: Apache-2.0
// How many connections are let in.
#include "forward/admission.hpp"

#include <catch2/catch.hpp>
#include <vector>

using namespace hsfwd;
using namespace hsfwd::forward;

namespace {

crypto::PublicKey key(std::uint8_t n) {
  crypto::PublicKey out;
  out.bytes[0] = n;
  return out;
}

}  // namespace

TEST_CASE("connections are let in up to the limits, and again when others are gone") {
  Admission admission;
  admission.set_limits({.connections = 10, .per_key = 6});
  std::vector<Admission::Ticket> tickets;
  for (int i = 0; i < 6; ++i) tickets.push_back(std::move(*admission.admit(key(1))));
  const auto of_key = admission.admit(key(1));
  REQUIRE(!of_key);
  CHECK(of_key.error() == "too many connections from this key (6)");
  for (int i = 0; i < 4; ++i) tickets.push_back(std::move(*admission.admit(key(2))));
  const auto in_all = admission.admit(key(3));
  REQUIRE(!in_all);
  CHECK(in_all.error() == "too many connections (10)");
  CHECK(admission.connections() == 10);

  tickets.erase(tickets.begin());
  CHECK(admission.connections() == 9);
  CHECK(admission.admit(key(1)).ok());
  tickets.clear();
  CHECK(admission.connections() == 0);
  for (int i = 0; i < 6; ++i) tickets.push_back(std::move(*admission.admit(key(1))));
  CHECK(!admission.admit(key(1)));
}

TEST_CASE("connections whose services do not answer leave room for others") {
  Admission admission;
  admission.set_limits({.connections = 10, .per_key = 10});
  std::vector<Admission::Ticket> tickets;
  for (std::uint8_t i = 0; i < 6; ++i) {
    tickets.push_back(std::move(*admission.admit(key(i % 2))));
  }
  for (int i = 0; i < 5; ++i) CHECK(tickets[static_cast<std::size_t>(i)].start_dial());
  const auto dial = tickets[5].start_dial();
  REQUIRE(!dial);
  CHECK(dial.error() == "too many connections are waiting for their services (5)");
  tickets[0].end_dial();
  CHECK(tickets[5].start_dial());
  // Gone before the service answered.
  tickets.clear();
  CHECK(admission.dialling() == 0);
}

TEST_CASE(
    "a key whose connections all wait for what they have chosen leaves others a place to be "
    "connected") {
  Admission admission;
  admission.set_limits({.connections = 16, .per_key = Admission::Limits::share_of_key(16)});
  std::vector<Admission::Ticket> tickets;
  // Destinations that do not answer: whoever may choose in a network finds as many as it likes.
  while (auto ticket = admission.admit(key(1))) {
    tickets.push_back(std::move(*ticket));
    if (!tickets.back().start_dial()) break;
  }
  CHECK(tickets.back().start_dial().error() ==
        "too many connections from this key are waiting for their services (6)");
  auto other = admission.admit(key(2));
  REQUIRE(other.ok());
  CHECK(other->start_dial().ok());
  tickets.front().end_dial();
  CHECK(tickets.back().start_dial().ok());
  tickets.clear();
}

TEST_CASE("by default one key may have more than a thousand connections, and never all") {
  const Admission::Limits limits;
  CHECK(limits.per_key >= 1024);
  CHECK(limits.per_key < limits.connections);
  CHECK(limits.dialling() >= 1000);
}
