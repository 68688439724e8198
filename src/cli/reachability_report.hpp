// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "cli/app.hpp"

namespace hsfwd::cli {

/// Reports what the self tests of an exposed key find, each change of it once.
class ReachabilityReport {
 public:
  ReachabilityReport(const App& app, const PublicKey& key) : app_(app), key_(key) {}

  void on_tested(const Reachability& found);
  /// The result of the last test.
  const std::optional<Reachability>& last() const { return last_; }

 private:
  void report_sharing(bool shared) const;

  const App& app_;
  const PublicKey key_;
  std::optional<Reachability> last_;
};

}  // namespace hsfwd::cli
