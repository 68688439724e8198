// SPDX-License-Identifier: Apache-2.0
// [page]: a local address at which browsers see what this `up` does.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "cli/events/event.hpp"
#include "cli/page_server.hpp"
#include "cli/tunnel.hpp"

namespace hsfwd::cli {

extern const TunnelKind kPageKind;

struct PageStatus {
  std::string listen;
  Omittable<std::string> url;  // for a browser; of a unix socket there is none
  bool secret = false;         // it is asked for one
  std::uint64_t requests = 0;
  std::uint64_t refused = 0;
  Omittable<std::string> problem;  // that keeps it from being open
  static constexpr void fields(auto list) {
    list(field("listen", &PageStatus::listen), field("url", &PageStatus::url),
         field("secret", &PageStatus::secret), field("requests", &PageStatus::requests),
         field("refused", &PageStatus::refused), field("problem", &PageStatus::problem));
  }
};

struct PageSpec final : TunnelSpec {
  PageSpec(net::StreamAddress l, PageSecret s) : listen(std::move(l)), secret(std::move(s)) {}

  const TunnelKind& kind() const override { return kPageKind; }
  std::string key() const override;
  bool same(const TunnelSpec& other) const override;
  const net::StreamAddress* local_address() const override { return &listen; }
  std::unique_ptr<Tunnel> make(App& app) const override;

  net::StreamAddress listen;
  PageSecret secret;
};

/// Where a browser finds what listens there, `at` with the port that was picked; empty for a unix socket.
std::string page_url(const net::StreamAddress& listen, const std::string& at);

}  // namespace hsfwd::cli
