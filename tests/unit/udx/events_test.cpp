// SPDX-License-Identifier: Apache-2.0
// The two small sets of a stream: what it has to tell, and when it has to do something.
#include <catch2/catch.hpp>
#include <vector>

#include "udx/deadlines.hpp"
#include "udx/events.hpp"

using namespace hsfwd;
using namespace hsfwd::udx;

TEST_CASE(
    "events come once each, in the order of their kind, whatever the order they were raised in") {
  Events events;
  CHECK(events.empty());
  CHECK(!events.take_first());
  for (const Event event : {Event::kClosed, Event::kData, Event::kEnd, Event::kData}) {
    events.raise(event);
  }
  CHECK(events.has(Event::kEnd));
  CHECK(!events.has(Event::kWritable));
  CHECK(events.take_first() == Event::kData);
  // One that comes up while others are told takes its place among those left.
  events.raise(Event::kMessages);
  CHECK(events.take_first() == Event::kMessages);
  CHECK(events.take_first() == Event::kEnd);
  CHECK(events.take_first() == Event::kClosed);
  CHECK(!events.take_first());
}

TEST_CASE("events that are cleared are not told") {
  Events events;
  events.raise(Event::kWritable);
  events.raise(Event::kClosed);
  events.clear();
  CHECK(events.empty());
  CHECK(!events.take_first());
}

TEST_CASE("one timer fires at the first of all deadlines, and at the next after that") {
  Scheduler scheduler;
  std::vector<Deadline> fired;
  Deadlines* all = nullptr;
  Deadlines deadlines(scheduler, [&] {
    for (const Deadline what : {Deadline::kLossCheck, Deadline::kTimeout, Deadline::kHeartbeat}) {
      if (all->take_due(what, scheduler.now())) fired.push_back(what);
    }
    all->arm();
  });
  all = &deadlines;
  const Instant start = scheduler.now();
  deadlines.set(Deadline::kHeartbeat, start + 3_s);
  deadlines.set(Deadline::kTimeout, start + 1_s);
  deadlines.set(Deadline::kLossCheck, start + 1_s);
  deadlines.arm();
  CHECK(scheduler.armed_timers() == 1);
  scheduler.advance_to(start + 999_ms);
  CHECK(fired.empty());
  scheduler.advance_to(start + 1_s);
  CHECK(fired == std::vector{Deadline::kLossCheck, Deadline::kTimeout});
  CHECK(!deadlines.has(Deadline::kTimeout));
  CHECK(deadlines.has(Deadline::kHeartbeat));
  scheduler.advance_to(start + 3_s);
  CHECK(fired.size() == 3);
  CHECK(scheduler.armed_timers() == 0);
}

TEST_CASE("a deadline that is cleared, put off or never set does not fire") {
  Scheduler scheduler;
  int fired = 0;
  Deadlines deadlines(scheduler, [&] { ++fired; });
  const Instant start = scheduler.now();
  deadlines.set(Deadline::kTimeout, start + 1_s);
  deadlines.set(Deadline::kTailProbe, start + 2_s);
  deadlines.set(Deadline::kLossCheck, std::optional<Instant>());
  deadlines.arm();
  deadlines.clear(Deadline::kTimeout);
  deadlines.set(Deadline::kTailProbe, start + 5_s);
  deadlines.arm();
  scheduler.advance_to(start + 4_s);
  CHECK(fired == 0);
  CHECK(!deadlines.take_due(Deadline::kTailProbe, scheduler.now()));
  CHECK(!deadlines.take_due(Deadline::kTimeout, scheduler.now()));
  deadlines.stop();
  scheduler.advance_to(start + 10_s);
  CHECK(fired == 0);
  CHECK(scheduler.armed_timers() == 0);
}
