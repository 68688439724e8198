// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <string>

#include "net/stream_factory.hpp"
#include "util/result.hpp"

namespace hsfwd::platform {

/// Those bits of a mode that say who may do what.
inline constexpr mode_t kPermissions = 0777;

/// Gives the file of a unix socket the group and the mode of its address. Nobody is let in before it
/// is given away: the group comes first, and the permissions last. Whoever could put something else
/// in the socket's place meanwhile gets nothing changed by that. The error is one clause for people.
Result<void, std::string> give_away(const net::StreamAddress& at);

}  // namespace hsfwd::platform
