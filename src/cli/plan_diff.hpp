// SPDX-License-Identifier: Apache-2.0
// What has to be done so that a running plan becomes another one.
#pragma once

#include <string>
#include <vector>

#include "cli/plan.hpp"

namespace hsfwd::cli {

/// Tunnels of two plans, by their indices.
struct PlanDiff {
  struct Match {
    std::size_t now;
    std::size_t wanted;
  };
  std::vector<Match> kept;           // the same in both
  std::vector<Match> changed;        // of one kind, known by the same key
  std::vector<std::size_t> added;    // of the wanted ones
  std::vector<std::size_t> removed;  // of the present ones
};

PlanDiff diff(const Plan& now, const Plan& wanted);

/// Unix sockets in both whose mode or group differs. A socket that is open keeps them.
std::vector<std::string> changed_sockets(const Plan& now, const Plan& wanted);

/// Settings of the node, by their names in the file, that differ. A running node keeps them.
std::vector<std::string> changed_node_settings(const Plan& now, const Plan& wanted);

}  // namespace hsfwd::cli
