// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "util/time.hpp"

namespace hsfwd::cli {

class App;

/// How long ago something was, and when.
struct Age {
  std::uint64_t seconds = 0;
  std::string at;  // ISO 8601, UTC: taken off the wall clock, which may have been set since
};
Age age_since(App& app, Instant then);

}  // namespace hsfwd::cli
