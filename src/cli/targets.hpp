// SPDX-License-Identifier: Apache-2.0
// Targets and local addresses as people write them, with their paths resolved.
#pragma once

#include <string>
#include <string_view>

#include "forward/service.hpp"

namespace hsfwd::cli {

// `base` is where relative paths of unix sockets begin; empty: in the working directory. The errors
// are one clause for people.
Result<forward::Service, std::string> parse_service(std::string_view text,
                                                    const std::string& base = {});
Result<forward::LocalForward, std::string> parse_local_forward(std::string_view text,
                                                               const std::string& base = {});

}  // namespace hsfwd::cli
