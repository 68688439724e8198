// SPDX-License-Identifier: Apache-2.0
#include "cli/last_failure.hpp"

#include <fmt/format.h>

#include "cli/table.hpp"

namespace hsfwd::cli {

void LastFailure::set(Of of, const std::string& why) {
  failure_ = Failure{of, why, app_.scheduler().now()};
}

void LastFailure::on_open(std::uint64_t id) {
  clear();
  open_.insert(id);
}

void LastFailure::on_closed(const forward::ClosedConnection& closed, bool answers) {
  const bool opened = open_.erase(closed.id) > 0;
  const bool of_peer = !closed.reason.empty() && !closed.reason.starts_with(forward::kLocalReason);
  const bool succeeded = opened && (!answers || closed.stats.from_peer > 0);
  if (of_peer && !succeeded) set(Of::kClient, closed.reason);
}

std::uint64_t LastFailure::seconds() const {
  return static_cast<std::uint64_t>((app_.scheduler().now() - failure_->at).to_millis() / 1000);
}

std::string last_failure_text(const std::string& listen, const std::string& of,
                              const std::string& why, std::uint64_t seconds) {
  return fmt::format("{}: {} {} ago: {}", listen, of == "question" ? "asked" : "failed",
                     span_text(seconds), printable(why));
}

}  // namespace hsfwd::cli
