// SPDX-License-Identifier: Apache-2.0
#include "cli/service_report.hpp"

#include <catch2/catch.hpp>

#include "unit/mailbox.hpp"
#include "unit/setting.hpp"

using namespace hsfwd;
using namespace hsfwd::cli;

namespace {

struct ServiceFixture {
  void pass(Duration time) { scheduler.advance_to(scheduler.now() + time); }

  Mailbox manager;
  Setting socket{"NOTIFY_SOCKET", manager.path};
  Setting pid{"WATCHDOG_PID", ""};
  Setting watchdog{"WATCHDOG_USEC", "40000000"};
  Scheduler scheduler;
  ServiceReport::Standing standing{"well"};
  ServiceReport report{scheduler, [this] { return standing; }};
};

using Told = std::vector<std::string>;

}  // namespace

TEST_CASE_METHOD(
    ServiceFixture,
    "the watchdog hears from the loop at half its time, and of one that hangs nothing") {
  report.look();
  pass(60_s);
  CHECK(manager.take().empty());  // not ready yet
  report.ready();
  CHECK(manager.take() == Told{"READY=1", "WATCHDOG=1\nSTATUS=well"});
  pass(20_s - 1_us);
  CHECK(manager.take().empty());
  pass(1_us);
  CHECK(manager.take() == Told{"WATCHDOG=1\nSTATUS=well"});
  report.ready();
  CHECK(manager.take().empty());  // once
}

TEST_CASE_METHOD(ServiceFixture, "what is told of a standing is soon true again") {
  standing = {"not yet", false};
  report.ready();
  CHECK(manager.take() == Told{"READY=1", "WATCHDOG=1\nSTATUS=not yet"});
  standing = {"well"};
  pass(5_s);
  CHECK(manager.take() == Told{"WATCHDOG=1\nSTATUS=well"});
  pass(19_s);
  standing = {"worse"};
  report.look();
  CHECK(manager.take() == Told{"WATCHDOG=1\nSTATUS=worse"});
}

TEST_CASE_METHOD(
    ServiceFixture,
    "without a watchdog it is told twice a minute, and without a manager nothing runs") {
  const Setting no_watchdog("WATCHDOG_USEC", "");
  report.ready();
  manager.take();
  pass(30_s - 1_us);
  CHECK(manager.take().empty());
  pass(1_us);
  CHECK(manager.take().size() == 1);

  const Setting nobody("NOTIFY_SOCKET", "");
  Scheduler other;
  ServiceReport quiet(other, [this] { return standing; });
  quiet.ready();
  CHECK(!other.next_deadline());
}

TEST_CASE_METHOD(ServiceFixture,
                 "a watchdog that wants to hear all the time does not get all of the processor") {
  const Setting impatient("WATCHDOG_USEC", "1");
  report.ready();
  manager.take();
  pass(100_ms);
  CHECK(manager.take().size() <= 10);
}
