// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <utility>

#include "util/check.hpp"

namespace hsfwd {

/// Waits for several things to be over. A member of whoever waits, as are those things or their
/// owners, so that none of them reports to a countdown that is gone.
class Countdown {
 public:
  /// `done` is called by the last of `count` calls of step(), of which there is at least one.
  void start(std::size_t count, std::function<void()> done) {
    HSFWD_CHECK(count > 0);
    left_ = count;
    done_ = std::move(done);
  }
  /// One of them is over. `done` may start another countdown, or delete this one.
  void step() {
    HSFWD_CHECK(left_ > 0);
    if (--left_ > 0) return;
    if (const auto done = std::exchange(done_, nullptr)) done();
  }
  bool running() const { return left_ > 0; }

 private:
  std::size_t left_ = 0;
  std::function<void()> done_;
};

}  // namespace hsfwd
