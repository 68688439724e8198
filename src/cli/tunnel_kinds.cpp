// SPDX-License-Identifier: Apache-2.0
#include "cli/tunnel_kinds.hpp"

#include "cli/connect_kind.hpp"
#include "cli/expose_kind.hpp"
#include "cli/metrics_kind.hpp"
#include "cli/page_kind.hpp"
#include "cli/reverse_kind.hpp"
#include "cli/socks_kind.hpp"
#include "cli/tun_kind.hpp"

namespace hsfwd::cli {

TunnelKinds tunnel_kinds() {
  static constexpr const TunnelKind* kKinds[] = {&kExposeKind,  &kConnectKind, &kSocksKind,
                                                 &kReverseKind, &kTunKind,     &kMetricsKind,
                                                 &kPageKind};
  return kKinds;
}

}  // namespace hsfwd::cli
