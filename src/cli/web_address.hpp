// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "http/message.hpp"
#include "net/stream_factory.hpp"
#include "util/result.hpp"

namespace hsfwd::cli {

/// `[BIND:]PORT` or `unix:PATH`, where something is shown by HTTP; BIND is 127.0.0.1 unless given. Relative paths
/// begin at `folder`, which is the working directory if empty. The error is one clause for people.
Result<net::StreamAddress, std::string> parse_web_address(std::string_view text,
                                                          const std::string& folder);
/// Only programs of this machine get there.
bool is_of_this_machine(const net::StreamAddress& address);
/// Nobody else has made a browser ask there. That does not matter of a socket, which no browser opens; a port that
/// others reach, too, is asked by its address, since a browser behind the same firewall could be led there by a name.
bool is_asked_for_itself(const net::StreamAddress& address, const http::Request& request);

}  // namespace hsfwd::cli
