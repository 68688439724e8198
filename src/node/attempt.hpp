// SPDX-License-Identifier: Apache-2.0
// How an attempt to connect goes, step by step, and what its failure means.
#pragma once

#include <functional>

#include "hyperdht/diagnose/advice.hpp"
#include "hyperdht/nat/attempt_event.hpp"

namespace hsfwd {

using hyperdht::advice;
using hyperdht::AttemptEvent;
using hyperdht::AttemptFailure;
using hyperdht::AttemptStep;
using hyperdht::ConnectError;
using hyperdht::Firewall;
using hyperdht::PunchFailure;

/// Is called with each event, as it happens.
using AttemptSink = std::function<void(const AttemptEvent&)>;

}  // namespace hsfwd
