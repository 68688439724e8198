// SPDX-License-Identifier: Apache-2.0
#include "cli/age.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

#include "cli/app.hpp"

namespace hsfwd::cli {

Age age_since(App& app, Instant then) {
  const auto seconds =
      static_cast<std::uint64_t>((app.scheduler().now() - then).to_millis() / 1000);
  const auto now = static_cast<std::time_t>(app.env().wall_clock.unix_millis() / 1000);
  return {.seconds = seconds,
          .at = fmt::format("{:%FT%TZ}", fmt::gmtime(now - static_cast<std::time_t>(seconds)))};
}

}  // namespace hsfwd::cli
