// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace hsfwd::platform {

/// Lets the process have as many open files as the system allows it. Each forwarded connection is
/// one, and a punch through a random NAT takes hundreds for some seconds.
void raise_file_limit();

}  // namespace hsfwd::platform
