// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>

#include "cli/plan.hpp"

namespace hsfwd::cli {

inline Plan plan_of(const std::string& text) {
  const auto config = config::parse(text, "hsfwd.toml");
  REQUIRE(config.ok());
  return make_plan(*config, "hsfwd.toml");
}

}  // namespace hsfwd::cli
