// SPDX-License-Identifier: Apache-2.0
#include "cli/reachability_report.hpp"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "cli/events/tunnels.hpp"
#include "cli/table.hpp"

namespace hsfwd::cli {

namespace {

std::vector<std::string> addresses_of(const std::vector<net::Address>& addresses) {
  std::vector<std::string> out;
  for (const net::Address& address : addresses) out.push_back(address.to_string());
  return out;
}

std::string summary_of(const Reachability& report) {
  const std::size_t tried = report.passed.size() + report.failed.size() + report.elsewhere.size();
  if (!report.elsewhere.empty()) {
    return fmt::format("{} of {} lead to another program with this identity",
                       report.elsewhere.size(), count_text(tried, "introducer"));
  }
  if (tried > 0) {
    return fmt::format("{} of {} passed the test, a search finds {}", report.passed.size(),
                       count_text(tried, "introducer"), report.found);
  }
  return "there is no network, or no introducer";
}

}  // namespace

void ReachabilityReport::on_tested(const Reachability& found) {
  if (last_ == found) return;
  report_sharing(found.shared);
  if (!last_ || last_->reachable()) unreachable_since_ = app_.scheduler().now();
  if (!last_ || !last_->shared) shared_since_ = app_.scheduler().now();
  last_ = found;
  const std::string summary = summary_of(found);
  if (!found.reachable()) {
    app_.log().warning("expose", "peers cannot reach this machine: {}; still trying", summary);
  } else {
    app_.log().info("expose", "tested: {}", summary);
  }
  app_.output().event(
      events::Tested{to_hex(key_.view()), found.reachable(), addresses_of(found.passed),
                     addresses_of(found.failed), found.found, found.shared},
      "");
}

std::vector<Trouble> ReachabilityReport::troubles() const {
  std::vector<Trouble> out;
  if (!last_) return out;
  const std::string thing = "key " + key_text(key_).substr(0, kShortKey);
  if (!last_->reachable()) {
    out.push_back(
        {.code = "NOT_REACHABLE",
         .thing = thing,
         .state = "peers cannot reach it",
         .why = summary_of(*last_),
         .advice = "hsfwd netcheck shows what this network does to UDP; hsfwd keeps trying",
         .since = unreachable_since_,
         .of_network = true});
  }
  if (last_->shared) {
    out.push_back({.code = "SHARED",
                   .level = Trouble::Level::kWarning,
                   .thing = thing,
                   .state = "another program also serves it",
                   .why = "each of the two gets part of the connections",
                   .advice = "if a disk or container was copied, give one of them its own identity "
                             "(hsfwd keygen); if it is an older instance, stop it",
                   .since = shared_since_});
  }
  return out;
}

void ReachabilityReport::report_sharing(bool shared) const {
  if (shared == (last_ && last_->shared)) return;
  if (shared) {
    app_.log().warning("expose",
                       "another program also serves {}, and each gets part of the connections: if "
                       "a disk or container was copied, give one of them its own identity (hsfwd "
                       "keygen); if it is an older instance, stop it",
                       key_text(key_));
  } else {
    app_.log().warning("expose", "no other program serves {} any longer", key_text(key_));
  }
}

}  // namespace hsfwd::cli
