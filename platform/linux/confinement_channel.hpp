// SPDX-License-Identifier: Apache-2.0
// What our process and the one in the namespace tell each other.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "platform/unique_fd.hpp"

namespace hsfwd::platform {

enum class ConfinementWord : int {
  // To the namespace.
  kOpen,    // the parts of a tunnel, please
  kStart,   // text: resolv.conf; number: 1 in the foreground
  kSignal,  // number: for the program
  kAsk,     // whether the program is stopped; number: comes back
  kResume,  // it goes on; number: 1 in the foreground
  // From there.
  kParts,    // descriptors: as TunnelParts has them
  kRefused,  // text: why there is nothing, for people; number: the exit code
  kStarted,
  kStopped,  // the program was stopped, and may be running again by now
  kHeld,     // the answer to kAsk, if it is
};

struct ConfinementMessage {
  ConfinementWord word{};
  int number = 0;
  std::string text;
  std::vector<UniqueFd> descriptors;
};

/// Both ends of a channel, neither of which a program inherits. Empty, and errno, if there is none.
struct ConfinementChannel {
  UniqueFd outside;
  UniqueFd inside;
};
ConfinementChannel open_channel();

/// False, and errno, if it cannot be sent.
bool send_message(int channel, const ConfinementMessage& message);
/// The same of a word with a number, from a signal's handler too.
bool send_word(int channel, ConfinementWord word, int number = 0);
/// Nothing if the other end is gone, has said nothing within ten seconds, or, with `wait` false, has
/// said nothing yet, which is errno EAGAIN.
std::optional<ConfinementMessage> receive_message(int channel, bool wait);

}  // namespace hsfwd::platform
