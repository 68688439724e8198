// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/diagnose/advice.hpp"

namespace hsfwd::hyperdht {

namespace {

constexpr const char* kTryAgain = "Try again: the peer's network may be changing right now.";

const char* nat_advice(Firewall own, Firewall peer) {
  if (own == Firewall::kRandom && peer == Firewall::kRandom) {
    return "Give either side --relay-through KEY, or forward a UDP port to one of them in its "
           "router "
           "and start it with --port.";
  }
  if (own == Firewall::kRandom || peer == Firewall::kRandom) {
    return "Try again: this pair of NATs takes some luck; --relay-through KEY needs none.";
  }
  if (own == Firewall::kUnknown || peer == Firewall::kUnknown) {
    return "Run hsfwd netcheck on both sides: it shows where UDP does not get through.";
  }
  return "A firewall on the way may drop UDP between these two; give either side --relay-through "
         "KEY.";
}

const char* punch_advice(PunchFailure punch, Firewall own, Firewall peer) {
  switch (punch) {
    case PunchFailure::kBothRandom:
      return nat_advice(Firewall::kRandom, Firewall::kRandom);
    case PunchFailure::kBusy:
      return "Try again in half a minute, when the other punches are over.";
    case PunchFailure::kNoSocket:
      return "Raise this process's limit of open files (ulimit -n).";
    case PunchFailure::kUnknownNat:
      return nat_advice(Firewall::kUnknown, Firewall::kUnknown);
    case PunchFailure::kNoAnswer:
    case PunchFailure::kInvalidAnswer:
    case PunchFailure::kServerAborted:
    case PunchFailure::kServerNotPunching:
      return kTryAgain;
    case PunchFailure::kNotPunchable:
    case PunchFailure::kExhausted:
      break;
  }
  return nat_advice(own, peer);
}

}  // namespace

const char* advice(const AttemptFailure& failure) {
  switch (failure.error) {
    case ConnectError::kNone:
      return "Nothing to do.";
    case ConnectError::kPeerNotFound:
      return "Check the key, and that the peer is running and online (run hsfwd netcheck there).";
    case ConnectError::kPeerConnectionFailed:
      return "Check that the peer is still running and that its --allow list has this machine's "
             "key "
             "(hsfwd "
             "keygen prints it).";
    case ConnectError::kServerIncompatible:
      return "Update the older of the two sides.";
    case ConnectError::kServerError:
      return "Look in the peer's log: it knows why it refused.";
    case ConnectError::kCannotHolepunch:
      return "Forward a UDP port to the peer in its router and start it with --port.";
    case ConnectError::kHolepunchAborted:
      return failure.punch ? punch_advice(*failure.punch, failure.own_nat, failure.peer_nat)
                           : nat_advice(failure.own_nat, failure.peer_nat);
    case ConnectError::kRelayAborted:
      return "Check the relay's key, that it is running, and that it allows both sides.";
    case ConnectError::kNoNetwork:
      return "Run hsfwd netcheck: this network blocks UDP, or there is no network.";
    case ConnectError::kNoMemory:
      return "Give this machine more memory, or hsfwd less to do.";
    case ConnectError::kPlainPeer:
    case ConnectError::kReset:
    case ConnectError::kTimedOut:
    case ConnectError::kBroken:
    case ConnectError::kCut:
      break;
  }
  return kTryAgain;
}

}  // namespace hsfwd::hyperdht
