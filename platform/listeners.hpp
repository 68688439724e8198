// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "net/stream_factory.hpp"

namespace hsfwd::platform {

/// Why nobody can be listening at an address of this machine, one clause for people; empty if
/// somebody does, if that cannot be known, or if the address may be another machine's. Nobody is
/// connected to: a service need not hear of a question.
std::string why_nobody_listens(const net::StreamAddress& address);

}  // namespace hsfwd::platform
