// SPDX-License-Identifier: Apache-2.0
// [metrics]: a local address at which collectors read what is counted.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cli/events/event.hpp"
#include "cli/tunnel.hpp"

namespace hsfwd::cli {

extern const TunnelKind kMetricsKind;

struct MetricsStatus {
  std::string listen;
  std::uint64_t requests = 0;
  std::uint64_t refused = 0;
  Omittable<std::string> problem;  // that keeps it from being open
  static constexpr void fields(auto list) {
    list(field("listen", &MetricsStatus::listen), field("requests", &MetricsStatus::requests),
         field("refused", &MetricsStatus::refused), field("problem", &MetricsStatus::problem));
  }
};

struct MetricsSpec final : TunnelSpec {
  explicit MetricsSpec(net::StreamAddress l) : listen(std::move(l)) {}

  const TunnelKind& kind() const override { return kMetricsKind; }
  std::string key() const override;
  bool same(const TunnelSpec& other) const override;
  const net::StreamAddress* local_address() const override { return &listen; }
  std::unique_ptr<Tunnel> make(App& app) const override;

  net::StreamAddress listen;
};

}  // namespace hsfwd::cli
