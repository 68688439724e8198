// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "net/env.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::forward {

/// A look-up of a name that a peer makes us wait for, for no longer than so long. Destroying it cancels it.
class TimedLookup {
 public:
  static constexpr Duration kTime = Duration::seconds(10);

  /// `done` is called once, later, never from inside this call. Errors: those of the resolver, kTimeout.
  TimedLookup(Scheduler& scheduler, net::Resolver& resolver, const std::string& name,
              net::Resolver::Done done);

  void cancel();

 private:
  void end(const Result<net::Ipv4>& found);

  Scheduler& scheduler_;
  const net::Resolver::Done done_;
  Timer timer_;
  std::unique_ptr<net::Lookup> lookup_;
};

}  // namespace hsfwd::forward
