// SPDX-License-Identifier: Apache-2.0
// What a program in a network of its own finds in the file system in place of what the host has.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "util/result.hpp"

namespace hsfwd::platform {

/// How /etc gets other files. In a layer above it they stay whatever the host does to its own. Where the
/// system has no such layers, each is put over the host's file, and is gone when the host
/// replaces that: names are then asked of servers that the program cannot reach.
enum class EtcStyle { kLayer, kFiles };

/// In the mount namespace of the calling process, which has the right to. /proc is mounted anew, for
/// its process namespace. The error is one line for people.
Result<void, std::string> make_private_files(const std::string& resolv_conf,
                                             EtcStyle style = EtcStyle::kLayer);

/// Names come from /etc/hosts and DNS, and from no service of the host; all else as it was.
std::string private_nsswitch(std::string_view text);

/// What is hidden, of which a host has some: directories are empty, sockets refuse.
std::vector<std::string> hidden_paths();

}  // namespace hsfwd::platform
