// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/events/event.hpp"

namespace hsfwd::cli {

/// The `status` of the running `up` of that configuration file; null if there is none, or it does not answer within a
/// fraction of a second. Blocks, and throws std::system_error where no loop can be made.
Json quick_status(const std::string& config_file);

}  // namespace hsfwd::cli
