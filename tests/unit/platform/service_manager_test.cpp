// SPDX-License-Identifier: Apache-2.0
#include "platform/service_manager.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "unit/mailbox.hpp"
#include "unit/setting.hpp"

using namespace hsfwd;
using namespace hsfwd::platform;

TEST_CASE(
    "a service manager is told one state at a time, and a line of which nothing is another one") {
  const Mailbox manager;
  {
    const Setting none("NOTIFY_SOCKET", "");
    CHECK(!has_service_manager());
    tell_service_manager(ServiceState::kReady);
  }
  const Setting variable("NOTIFY_SOCKET", manager.path);
  CHECK(has_service_manager());
  tell_service_manager(ServiceState::kReady);
  tell_service_manager(ServiceState::kAlive, "fine\nMAINPID=1");
  tell_service_manager(ServiceState::kStopping, "going");
  CHECK(manager.take() == std::vector<std::string>{"READY=1", "WATCHDOG=1\nSTATUS=fine\\nMAINPID=1",
                                                   "STOPPING=1\nSTATUS=going"});
}

TEST_CASE("a watchdog is this process's, and has a time") {
  const auto watchdog = [](const std::string& micros, const std::string& pid) {
    const Setting time("WATCHDOG_USEC", micros);
    const Setting process("WATCHDOG_PID", pid);
    return service_watchdog();
  };
  const std::string self = std::to_string(getpid());
  CHECK(watchdog("60000000", self) == 60_s);
  CHECK(watchdog("60000000", "") == 60_s);
  CHECK(!watchdog("60000000", std::to_string(getppid())));
  for (const char* none : {"", "0", "-1", "x", "99999999999999999999"})
    CHECK(!watchdog(none, self));
}
