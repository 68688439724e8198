// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/nat/punch_failure.hpp"

namespace hsfwd::hyperdht {

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
