// SPDX-License-Identifier: Apache-2.0
// Programs that are run for what they say.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "util/time.hpp"

namespace hsfwd::platform {

struct Captured {
  std::string text;     // of both outputs, in the order in which they were written
  std::string problem;  // why that is not all, one clause for people; empty: it ended by itself
  int exit_code = 0;    // 128+n for a signal
};

/// Runs all of them at once, each with its words: the program, looked for in $PATH, and its arguments. Standard input is empty. Blocks
/// until all have ended, or for that time, after which they are killed. Of what one says no more than `most` bytes are kept.
std::vector<Captured> run_captured(const std::vector<std::vector<std::string>>& commands,
                                   Duration at_most, std::size_t most);

/// The file that this process is run from.
std::string own_program();

}  // namespace hsfwd::platform
