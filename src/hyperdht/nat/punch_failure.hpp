// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace hsfwd::hyperdht {

/// Why a punch failed, for the timeline. To the application all of them are HOLEPUNCH_ABORTED, as
/// upstream has it.
enum class PunchFailure {
  kNoSocket,
  kNoAnswer,  // to a request
  kInvalidAnswer,
  kServerAborted,
  kUnknownNat,  // on either side, after all the probing
  kBothRandom,
  kBusy,  // one side's budget of random punches is used up
  kServerNotPunching,
  kNotPunchable,  // no strategy fits
  kExhausted,     // punched in vain
};
/// One clause for people.
/// One word, of small letters and '_'.
const char* to_string(PunchFailure failure);
/// One clause for people.
const char* describe(PunchFailure failure);

}  // namespace hsfwd::hyperdht
