// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "util/time.hpp"

namespace hsfwd::platform {

/// What this process has used, and has, of its machine.
struct ProcessFigures {
  Duration cpu;                    // of all its threads, in user and system mode
  std::size_t resident_bytes = 0;  // of memory
  std::size_t open_files = 0;      // descriptors
  std::size_t open_files_limit = 0;
};
ProcessFigures process_figures();

}  // namespace hsfwd::platform
