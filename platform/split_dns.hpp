// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "net/split_dns.hpp"
#include "platform/loop.hpp"

namespace hsfwd::platform {

/// The resolver of this machine, see net/split_dns.hpp. `loop` outlives the factory, which outlives all that it has
/// made.
std::unique_ptr<net::SplitDnsFactory> make_split_dns_factory(Loop& loop);

}  // namespace hsfwd::platform
