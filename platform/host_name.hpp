// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace hsfwd::platform {

/// What this machine is called; empty if that cannot be found out.
std::string host_name();

}  // namespace hsfwd::platform
