// SPDX-License-Identifier: Apache-2.0
// Env is the world, as one small argument: whoever holds one can wait, send, roll dice and log, and
// runs the same over libuv and in the simulator.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/udp.hpp"
#include "util/log.hpp"
#include "util/random.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::net {

struct Interface {
  std::string name;
  Ipv4 host;
  bool internal = false;  // loopback

  auto operator<=>(const Interface&) const = default;
};

/// What the host knows of its own network.
class Interfaces {
 public:
  virtual ~Interfaces() = default;
  /// IPv4 addresses of interfaces that are up, in the system's order.
  virtual std::vector<Interface> list() = 0;
};

/// A look-up under way; destroying it cancels it, too.
class Lookup {
 public:
  virtual ~Lookup() = default;
  /// `done` is not called any more.
  virtual void cancel() = 0;
};

class Resolver {
 public:
  virtual ~Resolver() = default;
  using Done = std::function<void(Result<Ipv4>)>;
  /// Finds an IPv4 address of a host name. `done` is called once, later, never from inside this
  /// call. Errors: kUnavailable.
  virtual std::unique_ptr<Lookup> resolve(const std::string& host, Done done) = 0;
};

class WallClock {
 public:
  virtual ~WallClock() = default;
  /// Milliseconds since 1970.
  virtual std::uint64_t unix_millis() = 0;
};

struct Env {
  Scheduler& scheduler;
  UdpFactory& udp;
  Random& random;
  Interfaces& interfaces;
  Resolver& resolver;
  WallClock& wall_clock;
  Log log;

  Instant now() const { return scheduler.now(); }
};

}  // namespace hsfwd::net
