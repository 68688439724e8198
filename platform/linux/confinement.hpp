// SPDX-License-Identifier: Apache-2.0
// Inside of a confinement: the first process of the namespaces, which becomes nothing else. It makes
// the network, hands what a tunnel is made of to the process outside, starts the program when it is told
// to, and stays as its parent. When it ends, the kernel ends all others; and it ends with our process.
#pragma once

#include <string>
#include <vector>

#include "platform/unique_fd.hpp"

namespace hsfwd::platform {

/// The exit code of what died of a signal, without the signal's number, as shells have it.
inline constexpr int kExitBySignal = 128;

/// What the namespaces know our user by.
struct ConfinedUser {
  unsigned uid = 0;
  unsigned gid = 0;
};

/// `channel` leads outside.
[[noreturn]] void live_in_confinement(UniqueFd channel, ConfinedUser user,
                                      const std::vector<std::string>& command);

}  // namespace hsfwd::platform
