// SPDX-License-Identifier: Apache-2.0
#include "cli/refusals.hpp"

#include <string>
#include <utility>

#include "cli/table.hpp"

namespace hsfwd::cli {

Refusals::Refusals(Scheduler& scheduler, const Log& log)
    : log_(log), minute_timer_(scheduler, [this] { on_minute(); }) {}

void Refusals::add(const char* component, const PublicKey& key) {
  if (told_.contains(key)) return;
  if (!minute_timer_.armed()) minute_timer_.start(1_min);
  if (told_.size() == kMaxTold) {
    ++untold_;
    untold_by_ = component;
    return;
  }
  told_.insert(key);
  log_.warning(component, "refused {}", key_text(key));
}

void Refusals::add_excess(const char* component, const std::string& why) {
  if (!minute_timer_.armed()) minute_timer_.start(1_min);
  if (std::exchange(excess_told_, true)) {
    ++excess_;
    excess_by_ = component;
  } else {
    log_.warning(component, "refused a connection: {}", why);
  }
}

void Refusals::on_minute() {
  if (excess_ > 0)
    log_.warning(excess_by_, "refused {} above the limits", count_text(excess_, "more connection"));
  excess_told_ = false;
  excess_ = 0;
  if (untold_ > 0)
    log_.warning(untold_by_, "refused {} by other keys", count_text(untold_, "more attempt"));
  told_.clear();
  untold_ = 0;
}

}  // namespace hsfwd::cli
