// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/nat/punch_failure.hpp"

namespace hsfwd::hyperdht {

const char* to_string(PunchFailure failure) {
  switch (failure) {
    case PunchFailure::kNoSocket:
      return "no_socket";
    case PunchFailure::kNoAnswer:
      return "no_answer";
    case PunchFailure::kInvalidAnswer:
      return "invalid_answer";
    case PunchFailure::kServerAborted:
      return "peer_aborted";
    case PunchFailure::kUnknownNat:
      return "unknown_nat";
    case PunchFailure::kBothRandom:
      return "both_random";
    case PunchFailure::kBusy:
      return "busy";
    case PunchFailure::kServerNotPunching:
      return "peer_not_punching";
    case PunchFailure::kNotPunchable:
      return "not_punchable";
    case PunchFailure::kExhausted:
      return "exhausted";
  }
  return "unknown";
}

const char* describe(PunchFailure failure) {
  switch (failure) {
    case PunchFailure::kNoSocket:
      return "no UDP socket to punch with";
    case PunchFailure::kNoAnswer:
      return "the peer did not answer through its introducers";
    case PunchFailure::kInvalidAnswer:
      return "an answer could not be decrypted";
    case PunchFailure::kServerAborted:
      return "the peer broke off the hole punch";
    case PunchFailure::kUnknownNat:
      return "too few nodes answered to tell what the NATs do";
    case PunchFailure::kBothRandom:
      return "both NATs pick random ports";
    case PunchFailure::kBusy:
      return "other punches through random NATs are under way";
    case PunchFailure::kServerNotPunching:
      return "the peer does not punch holes";
    case PunchFailure::kNotPunchable:
      return "there is no way to punch through this pair of NATs";
    case PunchFailure::kExhausted:
      return "no punch got through";
  }
  return "unknown";
}

}  // namespace hsfwd::hyperdht
