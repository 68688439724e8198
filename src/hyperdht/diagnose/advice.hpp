// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hyperdht/nat/attempt_event.hpp"

namespace hsfwd::hyperdht {

/// What would help after an attempt has failed, one sentence for people.
const char* advice(const AttemptFailure& failure);

}  // namespace hsfwd::hyperdht
