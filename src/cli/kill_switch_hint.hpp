// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace hsfwd::cli {

/// Why nothing leaves this machine, if it is for a kill switch of a process that was killed, and what to do; else empty.
std::string kill_switch_hint();

}  // namespace hsfwd::cli
