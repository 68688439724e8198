// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "util/time.hpp"

namespace hsfwd::platform {

/// This process was started as a service, by somebody who wants to know how it is: $NOTIFY_SOCKET names a socket.
bool has_service_manager();

enum class ServiceState { kReady, kAlive, kStopping };
/// Tells that one, by the protocol of sd_notify(3), with one line for people unless it is empty. It waits for nobody, and
/// who does not listen is not told.
void tell_service_manager(ServiceState state, std::string_view status = {});

/// Within which it has to be told again that the service is alive, or it ends it; nothing if it does not look.
std::optional<Duration> service_watchdog();

}  // namespace hsfwd::platform
