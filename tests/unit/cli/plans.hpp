// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>

#include <vector>

#include "cli/connect_kind.hpp"
#include "cli/expose_kind.hpp"
#include "cli/plan.hpp"

namespace hsfwd::cli {

inline Plan plan_of(const std::string& text) {
  const auto config = parse_config(text, "hsfwd.toml");
  REQUIRE(config.ok());
  return make_plan(*config, "hsfwd.toml");
}

/// Those of one kind.
template <class Spec>
std::vector<const Spec*> specs_of(const Plan& plan) {
  std::vector<const Spec*> out;
  for (const auto& tunnel : plan.tunnels) {
    if (const auto* spec = dynamic_cast<const Spec*>(tunnel.get())) out.push_back(spec);
  }
  return out;
}

}  // namespace hsfwd::cli
