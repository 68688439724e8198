// SPDX-License-Identifier: Apache-2.0
// What somebody who looks for a fault wants to know of a machine.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace hsfwd::platform {

/// Names and values, each one line for people. A look: nothing is made, changed or asked of anybody.
std::vector<std::pair<std::string, std::string>> system_facts();

struct RunningProgram {
  int pid = 0;
  std::string command;  // its words, as the system has them
};
/// Those of ours that this user runs, without this one, up to a number of them.
std::vector<RunningProgram> running_programs();

}  // namespace hsfwd::platform
