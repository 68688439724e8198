// SPDX-License-Identifier: Apache-2.0
// [[expose]]: services of this machine that peers reach.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/tunnel.hpp"
#include "forward/policy.hpp"
#include "forward/service.hpp"

namespace hsfwd::cli {

extern const TunnelKind kExposeKind;

struct ExposeSpec final : TunnelSpec {
  const TunnelKind& kind() const override { return kExposeKind; }
  std::string key() const override { return identity; }
  bool same(const TunnelSpec& other) const override;
  std::size_t number() const override { return services.size(); }
  void check(Preflight& preflight) const override;
  std::unique_ptr<Tunnel> make(App& app) const override;

  std::string identity;                    // path
  std::vector<forward::Service> services;  // at least one
  forward::Policy policy;
  bool client_relays = true;  // contact relays named by clients
};

}  // namespace hsfwd::cli
