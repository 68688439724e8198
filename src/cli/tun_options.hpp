// SPDX-License-Identifier: Apache-2.0
// The network of the command line.
#pragma once

#include "cli/options.hpp"
#include "cli/tun_kind.hpp"

namespace hsfwd::cli {

/// All but the peers, which commands take in words of their own, as `peer`.
void add_tun_options(CommandLine& line);
/// Throws UserError. At least one peer.
TunSpec tun_spec(const CommandLine& line);

}  // namespace hsfwd::cli
