// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace hsfwd::platform {

/// Lets the process have as many open files as the system allows it. Each forwarded connection is
/// one, and a punch through a random NAT takes hundreds for some seconds.
void raise_file_limit();
/// How many that are.
std::uint64_t file_limit();

}  // namespace hsfwd::platform
