// SPDX-License-Identifier: Apache-2.0
#include "cli/service_report.hpp"

#include <algorithm>
#include <utility>

#include "platform/service_manager.hpp"

namespace hsfwd::cli {

namespace {

// Of a standing that nobody has said to be another.
constexpr Duration kLookAgain = 30_s;
constexpr Duration kLookSoon = 5_s;
// Whatever the watchdog asks for.
constexpr Duration kMinPause = 10_ms;

Duration pause(bool well) {
  const Duration out = well ? kLookAgain : kLookSoon;
  const auto watchdog = platform::service_watchdog();
  return watchdog ? std::max(kMinPause, std::min(out, *watchdog / 2)) : out;
}

}  // namespace

ServiceReport::ServiceReport(Scheduler& scheduler, std::function<Standing()> look)
    : look_(std::move(look)), timer_(scheduler, [this] { tell(); }) {}

void ServiceReport::ready() {
  if (ready_ || !platform::has_service_manager()) return;
  ready_ = true;
  platform::tell_service_manager(platform::ServiceState::kReady);
  tell();
}

void ServiceReport::look() {
  if (ready_) tell();
}

void ServiceReport::stopping() const {
  platform::tell_service_manager(platform::ServiceState::kStopping, look_().text);
}

void ServiceReport::tell() {
  const Standing standing = look_();
  platform::tell_service_manager(platform::ServiceState::kAlive, standing.text);
  timer_.start(pause(standing.well));
}

}  // namespace hsfwd::cli
