// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/nat/connect_error.hpp"

namespace hsfwd::hyperdht {

const char* to_string(ConnectError error) {
  switch (error) {
    case ConnectError::kNone:
      return "NONE";
    case ConnectError::kPeerNotFound:
      return "PEER_NOT_FOUND";
    case ConnectError::kPeerConnectionFailed:
      return "PEER_CONNECTION_FAILED";
    case ConnectError::kServerIncompatible:
      return "SERVER_INCOMPATIBLE";
    case ConnectError::kServerError:
      return "SERVER_ERROR";
    case ConnectError::kCannotHolepunch:
      return "CANNOT_HOLEPUNCH";
    case ConnectError::kHolepunchAborted:
      return "HOLEPUNCH_ABORTED";
    case ConnectError::kRelayAborted:
      return "RELAY_ABORTED";
    case ConnectError::kNoNetwork:
      return "NO_NETWORK";
    case ConnectError::kPlainPeer:
      return "PLAIN_PEER";
    case ConnectError::kReset:
      return "CONNECTION_RESET";
    case ConnectError::kTimedOut:
      return "CONNECTION_TIMED_OUT";
    case ConnectError::kBroken:
      return "CONNECTION_BROKEN";
    case ConnectError::kCut:
      return "CONNECTION_CUT";
    case ConnectError::kNoMemory:
      return "OUT_OF_MEMORY";
  }
  return "UNKNOWN";
}

const char* describe(ConnectError error) {
  switch (error) {
    case ConnectError::kNone:
      return "no error";
    case ConnectError::kPeerNotFound:
      return "nobody in the DHT knows this key; is the peer running?";
    case ConnectError::kPeerConnectionFailed:
      return "the peer is known but did not answer; it may have just stopped, or it does not allow "
             "this key";
    case ConnectError::kServerIncompatible:
      return "the peer speaks a different version of the protocol";
    case ConnectError::kServerError:
      return "the peer refused the handshake";
    case ConnectError::kCannotHolepunch:
      return "no direct path, and the peer offers no hole punching";
    case ConnectError::kHolepunchAborted:
      return "no direct path through the NATs on the way";
    case ConnectError::kRelayAborted:
      return "the relay did not connect the two sides";
    case ConnectError::kNoNetwork:
      return "no DHT node answers, not even a bootstrap node";
    case ConnectError::kPlainPeer:
      return "the peer is a plain one, and was only to be asked";
    case ConnectError::kReset:
      return "the peer closed the connection abruptly";
    case ConnectError::kTimedOut:
      return "the peer stopped answering";
    case ConnectError::kBroken:
      return "received data that does not belong to this connection";
    case ConnectError::kCut:
      return "the connection was cut before its end";
    case ConnectError::kNoMemory:
      return "this machine is out of memory";
  }
  return "unknown error";
}

/// A peer that says why it closes does not do so abruptly.
std::string describe(ConnectError error, const std::string& detail) {
  if (detail.empty()) return describe(error);
  const char* const what = error == ConnectError::kReset ? kPeerClosed : describe(error);
  return std::string(what) + ": " + detail;
}

}  // namespace hsfwd::hyperdht
