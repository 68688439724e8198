// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/exit_codes.hpp"

namespace hsfwd::cli {

/// Ends a command with one line for people.
struct UserError {
  int exit_code = kUsage;
  std::string code;
  std::string message;
};

}  // namespace hsfwd::cli
