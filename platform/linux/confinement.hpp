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

/// Whose group of processes the program is in.
enum class ProgramGroup {
  kOurs,  // with what a script or a pipeline has in it: keys reach all of them
  /// Its own, as of a job that a shell starts; and it has the terminal. Our group has no number
  /// in the namespace, and a shell that is the program could not give the terminal back to it.
  kOwn,
};

struct ConfinedCommand {
  std::vector<std::string> words;
  ProgramGroup group = ProgramGroup::kOurs;
};

/// `channel` leads outside.
[[noreturn]] void live_in_confinement(UniqueFd channel, ConfinedUser user,
                                      const ConfinedCommand& command);

}  // namespace hsfwd::platform
