// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "cli/app.hpp"
#include "cli/health.hpp"

namespace hsfwd::cli {

/// Reports what the self tests of an exposed key find, each change of it once.
class ReachabilityReport {
 public:
  ReachabilityReport(App& app, const PublicKey& key) : app_(app), key_(key) {}

  void on_tested(const Reachability& found);
  /// The result of the last test.
  const std::optional<Reachability>& last() const { return last_; }
  /// What the last test shows to be wrong.
  std::vector<Trouble> troubles() const;

 private:
  void report_sharing(bool shared) const;

  App& app_;
  const PublicKey key_;
  std::optional<Reachability> last_;
  Instant unreachable_since_;  // if it is not
  Instant shared_since_;       // if it is
};

}  // namespace hsfwd::cli
