// SPDX-License-Identifier: Apache-2.0
#include "rpc/membership.hpp"

#include <catch2/catch.hpp>

using namespace hsfwd;
using namespace hsfwd::rpc;

namespace {

const net::Ipv4 kHere = net::Ipv4::of(60, 0, 0, 1);
const net::Ipv4 kThere = net::Ipv4::of(60, 0, 0, 2);
constexpr int kTwentyMinutes = 240;  // ticks
constexpr int kHour = 720;

/// Ticks until a check is due, `limit` if none is.
int ticks_to_check(Membership& membership, const std::optional<net::Ipv4>& host,
                   int limit = 10 * kHour) {
  for (int tick = 1; tick < limit; ++tick) {
    if (membership.check_is_due(host)) return tick;
  }
  return limit;
}

Membership persistent_one() {
  Membership membership(true, true);
  CHECK(membership.settle(false, true));
  return membership;
}

}  // namespace

TEST_CASE("a node is firewalled until a check shows otherwise, and a member when it is told so") {
  Membership membership(true, true);
  CHECK(membership.firewalled());
  membership.open();
  CHECK(membership.state() == Membership::State::kOpen);
  CHECK(!membership.settle(true, false));
  CHECK(membership.state() == Membership::State::kOpen);
  CHECK(membership.settle(true, true));
  CHECK(membership.persistent());
  // Another check that passes takes nothing away.
  membership.open();
  CHECK(membership.persistent());
  CHECK(Membership(false, true).state() == Membership::State::kOpen);
}

TEST_CASE("what was persistent before a doubt is so again under the same id") {
  Membership membership = persistent_one();
  CHECK(membership.doubt());
  CHECK(membership.firewalled());
  // Another doubt does not make it forget.
  CHECK(!membership.doubt());
  membership.open();

  SECTION("the same") {
    CHECK(membership.settle(true, false));
    CHECK(membership.persistent());
  }
  SECTION("another, and never again by that") {
    CHECK(!membership.settle(false, false));
    CHECK(membership.state() == Membership::State::kOpen);
    CHECK(!membership.settle(true, false));
  }
  SECTION("a look that has shown nothing of it") {
    membership.forget();
    CHECK(!membership.settle(true, false));
  }
  SECTION("a sleep") {
    CHECK(!membership.sleep());
    CHECK(!membership.settle(true, false));
  }
}

TEST_CASE("a sleep makes no member of an adaptive node, and leaves another what it is") {
  Membership adaptive = persistent_one();
  CHECK(adaptive.sleep());
  CHECK(adaptive.state() == Membership::State::kOpen);

  Membership told(true, false);
  CHECK(told.settle(false, true));
  CHECK(!told.sleep());
  CHECK(told.persistent());
}

TEST_CASE("an adaptive node is checked after twenty minutes, then hourly, once for a host") {
  Membership membership(true, true);
  CHECK(ticks_to_check(membership, kHere) == kTwentyMinutes);
  membership.note_check(kHere);
  CHECK(ticks_to_check(membership, kHere) == 10 * kHour);
  // Another network: at the next hour, whether the one before had a check or needed none.
  membership.note_check(kHere);
  CHECK(ticks_to_check(membership, kHere, kHour + 1) == kHour + 1);
  CHECK(ticks_to_check(membership, kThere) == kHour);
  // Not noted: again at once, until it is made.
  CHECK(ticks_to_check(membership, kThere) == 1);
  membership.note_check(kThere);

  SECTION("a doubt makes the same host another") {
    membership.doubt();
    CHECK(ticks_to_check(membership, kThere) == kHour);
  }
  SECTION("so does a sleep, and the hour begins then") {
    ticks_to_check(membership, kThere, kHour / 2);
    membership.sleep();
    CHECK(ticks_to_check(membership, kThere) == kHour);
  }
  SECTION("a member needs none") {
    membership.settle(true, true);
    CHECK(ticks_to_check(membership, kHere) == 10 * kHour);
  }
}

TEST_CASE("who is told what to be is never checked for it") {
  Membership membership(true, false);
  CHECK(ticks_to_check(membership, kHere) == 10 * kHour);
}
