// SPDX-License-Identifier: Apache-2.0
// How a connection has come to its end.
#pragma once

#include <string>

#include "node/peer_info.hpp"

namespace hsfwd::forward {

/// Whose doing it was. Set where it is known; texts do not tell, since words of a peer may be among them.
enum class Cause {
  kNormal,   // both directions have ended
  kPeer,     // the peer gave it up
  kNoPeer,   // the peer was not reached, or nothing authentic comes from it any more
  kRefused,  // the peer was reached, and does not have what was wanted of it
  kLocal,    // the program at this machine's end of the connection
  kService,  // what the peer was to be led to was not reached, or the peer may not reach it
  kHsfwd,    // this process: it ends, has other settings, or has no room
};

struct Ending {
  Cause cause = Cause::kNormal;
  std::string reason;  // for people: empty if it ended normally
};

/// Of a connection to a peer that was reset, and not by this side.
inline Cause cause_of(ConnectError error) {
  if (error == ConnectError::kReset) return Cause::kPeer;
  return error == ConnectError::kNoMemory ? Cause::kHsfwd : Cause::kNoPeer;
}

}  // namespace hsfwd::forward
