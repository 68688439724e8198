// SPDX-License-Identifier: Apache-2.0
// The watch needs a network that may be changed.
#include "platform/interface_watch.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <cstring>

#include "own_network.hpp"

namespace hsfwd::platform {

namespace {

/// A second address of the loopback interface; 0.0.0.0 takes it away.
void set_address(const char* text) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo:1");
  auto* address = reinterpret_cast<sockaddr_in*>(&request.ifr_addr);
  address->sin_family = AF_INET;
  inet_pton(AF_INET, text, &address->sin_addr);
  ioctl(fd, SIOCSIFADDR, &request);
  close(fd);
}

struct Watched {
  Loop loop;
  int changes = 0;
  std::unique_ptr<InterfaceWatch> watch = watch_interfaces(loop, [this] { ++changes; });

  /// How often a change was told in the time that a burst needs to settle, and a little more.
  int told() {
    const int before = changes;
    Timer end(loop.scheduler(), [this] { loop.stop(); });
    loop.dispatch([&] { end.start(800_ms); });
    loop.run();
    return changes - before;
  }
};

int told_of_each_change_once() {
  Watched watched;
  if (!watched.watch) return 1;
  if (watched.told() != 0) return 2;
  set_up(true);
  if (watched.told() != 1) return 3;
  set_address("10.9.8.7");
  if (watched.told() != 1) return 4;
  set_address("0.0.0.0");
  if (watched.told() != 1) return 5;
  // What comes and goes at once has not changed anything.
  set_address("10.9.8.7");
  set_address("0.0.0.0");
  if (watched.told() != 0) return 6;
  set_up(false);
  if (watched.told() != 1) return 7;
  return 0;
}

int silent_when_gone() {
  Watched watched;
  watched.watch.reset();
  set_up(true);
  return watched.told() == 0 ? 0 : 1;
}

}  // namespace

TEST_CASE("addresses and links that come and go are told, each change once") {
  expect_success(told_of_each_change_once);
}

TEST_CASE("a watch that is gone says nothing") {
  expect_success(silent_when_gone);
}

}  // namespace hsfwd::platform
