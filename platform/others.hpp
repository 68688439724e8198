// SPDX-License-Identifier: Apache-2.0
// What a user who is neither the owner nor in a group, but the one of its own name, may do with a file:
// the user of the systemd unit, for one who looks as root.
#pragma once

#include <string>

namespace hsfwd::platform {

/// This process may do everything, and learns nothing from trying.
bool is_root();

enum class Access { kRead, kConnect };
/// Why such a user is kept off, one clause for people: "/run/x.sock is for root and the group
/// docker alone (mode 0660)". Empty if nothing does, or if there is no such file, or if somebody
/// else than root owns what does: that may be the user it is about.
std::string kept_from_others(const std::string& path, Access access);

/// Why somebody but this user and root may have written a file or folder, one clause for people that begins with its path; empty if
/// nobody can have, or if there is none.
std::string written_by_others(const std::string& path);

}  // namespace hsfwd::platform
