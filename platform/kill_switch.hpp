// SPDX-License-Identifier: Apache-2.0
// What a process that had a kill switch (net::TunnelSettings::kill_switch) has left of it when it was killed.
#pragma once

#include <string>

#include "util/result.hpp"

namespace hsfwd::platform {

/// Whether there is one of nobody alive. False if that cannot be known.
bool kill_switch_left_behind();
/// Takes it away. The error is one clause for people.
Result<void, std::string> lift_kill_switch();

}  // namespace hsfwd::platform
