// SPDX-License-Identifier: Apache-2.0
// DHT nodes remembered from one run to the next, so that a start does not depend on the bootstrap
// nodes: one address a line below a line that names the format.
#pragma once

#include <string>
#include <vector>

#include "net/address.hpp"
#include "util/log.hpp"

namespace hsfwd::platform {

/// Where they are remembered: $XDG_CACHE_HOME/hsfwd or ~/.cache/hsfwd.
std::string default_cache_directory();
/// A file of its own for each network, which its bootstrap nodes stand for, so that private networks
/// and the public one do not mix. Order does not matter.
std::string node_file_path(const std::string& directory, std::vector<std::string> bootstrap);

inline constexpr std::size_t kMaxRememberedNodes = 100;

/// Never fails: a file that is missing is empty, one that makes no sense is ignored with a warning.
std::vector<net::Address> load_nodes(const std::string& path, const Log& log);
/// Replaces the file as a whole, at most with kMaxRememberedNodes; files of networks that were not
/// used for longest make room. What goes wrong is told to the log: nothing depends on it.
void save_nodes(const std::string& path, const std::vector<net::Address>& nodes, const Log& log);

}  // namespace hsfwd::platform
