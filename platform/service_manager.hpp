// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace hsfwd::platform {

enum class ServiceState { kReady, kStopping };
/// Tells whoever started this process as a service, by the protocol of sd_notify(3), if $NOTIFY_SOCKET names a socket. It
/// waits for nobody, and who does not listen is not told.
void tell_service_manager(ServiceState state);

}  // namespace hsfwd::platform
