// SPDX-License-Identifier: Apache-2.0
#include "cli/udp_idle.hpp"

#include <fmt/format.h>

#include <string>

#include "cli/planner.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {
constexpr const char* kOption = "udp-idle";
constexpr std::int64_t kLeast = 1;         // seconds
constexpr std::int64_t kMost = 24 * 3600;  // seconds
}  // namespace

void add_udp_idle_option(CommandLine& line) {
  const std::string help = fmt::format(
      "SECONDS without a datagram in either direction after which a UDP flow ends (default: {})",
      forward::kDefaultUdpIdle);
  line.options().add_options()(kOption, po::value<std::string>(), help.c_str());
}

Duration udp_idle(const CommandLine& line, bool used, const char* where) {
  if (!line.has(kOption)) return kUsualUdpIdle;
  const std::string text = line.text(kOption);
  const auto seconds = parse_decimal(text, kMost);
  if (!seconds || *seconds < static_cast<std::uint64_t>(kLeast)) {
    throw UserError{
        kUsage, "USAGE",
        fmt::format("--{} {}: must be {} to {}", kOption, shortened(text), kLeast, kMost)};
  }
  if (!used) {
    throw UserError{kUsage, "USAGE",
                    fmt::format("--{} applies to UDP, and no {} is", kOption, where)};
  }
  return Duration::seconds(static_cast<std::int64_t>(*seconds));
}

Duration udp_idle(const config::Section& section, const Planner& planner, bool used,
                  const char* where) {
  const auto seconds = section.integer(kUdpIdleKey.name);
  if (!seconds) return kUsualUdpIdle;
  if (seconds->value < kLeast || seconds->value > kMost) {
    planner.mistake(seconds->line, fmt::format("udp_idle must be {} to {}", kLeast, kMost));
  }
  if (!used) {
    planner.mistake(seconds->line, fmt::format("udp_idle applies to UDP, and {} has none", where));
  }
  return Duration::seconds(seconds->value);
}

}  // namespace hsfwd::cli
