// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace hsfwd::hyperdht {

/// Why there is no connection. Names are upstream's.
enum class ConnectError {
  kNone,
  kPeerNotFound,          // nobody in the DHT knows the key
  kPeerConnectionFailed,  // relays know it, but no handshake was answered
  kServerIncompatible,
  kServerError,
  kCannotHolepunch,
  kHolepunchAborted,
  kRelayAborted,
  kNoNetwork,  // not one node answered, the bootstrap nodes included
  kPlainPeer,  // it is no hsfwd, and was to be left alone then
  kReset,      // was open: the peer gave up
  kTimedOut,   // was open: the peer stopped answering
  kBroken,     // was open: what came in did not authenticate
  kCut,        // was open: ended by somebody else than the peer
  kNoMemory,   // was open: there was no memory here to go on
};
/// Upper-case name, as upstream's error codes are written.
const char* to_string(ConnectError error);
/// One sentence for people.
const char* describe(ConnectError error);
/// What a reason that a peer gave for closing is told with, ahead of a colon.
inline constexpr const char* kPeerClosed = "the peer closed the connection";
/// The same with what else is known, one clause; empty: nothing.
std::string describe(ConnectError error, const std::string& detail);

}  // namespace hsfwd::hyperdht
