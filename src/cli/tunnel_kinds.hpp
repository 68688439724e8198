// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/tunnel.hpp"

namespace hsfwd::cli {

/// Every kind of tunnel there is, in the order in which files, `status` and `check` have them.
TunnelKinds tunnel_kinds();

}  // namespace hsfwd::cli
