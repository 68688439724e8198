// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/nat/punch_failure.hpp"

namespace hsfwd::hyperdht {

const char* describe(PunchFailure failure) {
  switch (failure) {
    case PunchFailure::kNoSocket:
      return "no UDP socket to punch with";
    case PunchFailure::kNoAnswer:
      return "the peer did not answer through its relays";
    case PunchFailure::kInvalidAnswer:
      return "an answer did not decrypt";
    case PunchFailure::kServerAborted:
      return "the peer broke it off";
    case PunchFailure::kUnknownNat:
      return "too few nodes answered to tell what the NATs do";
    case PunchFailure::kBothRandom:
      return "both NATs pick random ports";
    case PunchFailure::kBusy:
      return "other punches through random NATs are under way";
    case PunchFailure::kServerNotPunching:
      return "the peer does not punch";
    case PunchFailure::kNotPunchable:
      return "nothing fits this pair of NATs";
    case PunchFailure::kExhausted:
      return "no punch got through";
  }
  return "unknown";
}

}  // namespace hsfwd::hyperdht
