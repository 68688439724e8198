// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace hsfwd::platform {

/// Why a port cannot be listened on, as far as the system's words for it leave people asking. `error` is an errno.
std::string listen_problem(int error, std::uint16_t port);

}  // namespace hsfwd::platform
