// SPDX-License-Identifier: Apache-2.0
#include "cli/refusals.hpp"

#include <string>
#include <utility>

#include "cli/table.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

Refusals::Refusals(Scheduler& scheduler, const Log& log, const PeerNames& names)
    : log_(log), names_(names), minute_timer_(scheduler, [this] { on_minute(); }) {}

void Refusals::add(const char* component, const PublicKey& key) {
  if (told_.contains(key)) return;
  if (!minute_timer_.armed()) minute_timer_.start(1_min);
  if (told_.size() == kMaxTold) {
    ++untold_;
    untold_by_ = component;
    return;
  }
  told_.insert(key);
  const auto name = names_.of(key);
  const std::string text = key_text(key);
  log_.about(text).warning(component, "refused {}{}{}", name ? printable(*name) : "",
                           name ? ", " : "", text);
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

bool Refusals::add_request(const char* component, const std::string& line) {
  if (told_requests_.contains(line)) return false;
  if (!minute_timer_.armed()) minute_timer_.start(1_min);
  requests_by_ = component;
  if (told_requests_.size() == kMaxTold) {
    ++untold_requests_;
    return false;
  }
  told_requests_.insert(line);
  log_.warning(component, "refused {}", line);
  return true;
}

void Refusals::on_minute() {
  if (excess_ > 0)
    log_.warning(excess_by_, "refused {} above the limits", count_text(excess_, "more connection"));
  excess_told_ = false;
  excess_ = 0;
  if (untold_ > 0)
    log_.warning(untold_by_, "refused {} by other keys", count_text(untold_, "more attempt"));
  if (untold_requests_ > 0) {
    log_.warning(requests_by_, "refused {}", count_text(untold_requests_, "more request"));
  }
  told_.clear();
  told_requests_.clear();
  untold_ = 0;
  untold_requests_ = 0;
}

}  // namespace hsfwd::cli
