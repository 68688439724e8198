// SPDX-License-Identifier: Apache-2.0
#include "cli/last_failure.hpp"

#include <fmt/format.h>

#include "cli/table.hpp"

namespace hsfwd::cli {

void LastFailure::set(const std::string& why) {
  if (!why.empty()) failure_ = Failure{why, app_.scheduler().now()};
}

void LastFailure::fill(Omittable<std::string>& why, Omittable<std::uint64_t>& seconds) const {
  if (!failure_) return;
  why = told(failure_->why);
  seconds = static_cast<std::uint64_t>((app_.scheduler().now() - failure_->at).to_millis() / 1000);
}

std::string last_failure_text(const std::string& listen, const std::string& why,
                              std::uint64_t seconds) {
  return fmt::format("{}: failed {} ago: {}", listen, span_text(seconds), printable(why));
}

}  // namespace hsfwd::cli
