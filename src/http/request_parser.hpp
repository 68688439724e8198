// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include "http/message.hpp"
#include "util/result.hpp"

namespace hsfwd::http {

/// Bytes of a request's head, its last empty line included.
inline constexpr std::size_t kMaxHead = 8 * 1024;

/// Where a head ends in what came so far, behind its empty line; npos: it goes on.
std::size_t end_of_head(std::string_view bytes);

/// A whole head, of HTTP/1.0 or 1.1. The error is the status to refuse it with: there is no request with a
/// body here, and none whose meaning depends on who reads it (several hosts, two lengths).
Result<Request, int> parse_request(std::string_view head);

}  // namespace hsfwd::http
