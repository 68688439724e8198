// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "net/stream_factory.hpp"
#include "platform/unique_fd.hpp"
#include "util/result.hpp"

namespace hsfwd::platform {

/// A socket that listens at the path, with the address's mode and group. What a process that died
/// has left there is replaced. The error is one clause for people.
Result<UniqueFd, std::string> listen_at_path(const net::StreamAddress& at, int backlog);

}  // namespace hsfwd::platform
