// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <string>

namespace hsfwd::platform {

/// Why others than its reader and root may have read a file, with the remedy; empty if none can
/// have. As with ssh's keys, what the owner alone may read is private. Beside it there is what
/// orchestrators mount (systemd's credentials, secrets of containers): nobody may write it, and its
/// group may read it (0440), which no careless umask comes to. Root may use what belongs to a user.
std::string why_exposed(const struct stat& info, uid_t reader);

}  // namespace hsfwd::platform
