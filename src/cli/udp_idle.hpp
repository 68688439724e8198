// SPDX-License-Identifier: Apache-2.0
// How long a UDP flow in which nothing is sent is kept: --udp-idle, and udp_idle of a file.
#pragma once

#include "cli/options.hpp"
#include "config/config.hpp"
#include "forward/udp_drops.hpp"
#include "util/time.hpp"

namespace hsfwd::cli {

class Planner;

inline constexpr Duration kUsualUdpIdle = Duration::seconds(forward::kDefaultUdpIdle);
inline constexpr config::Key kUdpIdleKey = {.name = "udp_idle",
                                            .type = config::Key::Type::kInteger};

void add_udp_idle_option(CommandLine& line);
/// `used`: there is UDP that it applies to, and `where` is what else there would have to be. Throws UserError.
Duration udp_idle(const CommandLine& line, bool used, const char* where);
Duration udp_idle(const config::Section& section, const Planner& planner, bool used,
                  const char* where);

}  // namespace hsfwd::cli
