// SPDX-License-Identifier: Apache-2.0
#include "rpc/bootstrap_node.hpp"

#include <fmt/format.h>

#include "util/text.hpp"

namespace hsfwd::rpc {

std::optional<BootstrapNode> BootstrapNode::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_decimal(text.substr(colon + 1), 65535);
  if (!port || *port == 0) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  BootstrapNode node;
  node.port = static_cast<std::uint16_t>(*port);
  const std::size_t at = host.find('@');
  if (at != std::string_view::npos) {
    node.suggested = net::Ipv4::parse(host.substr(0, at));
    if (!node.suggested) return std::nullopt;
    host.remove_prefix(at + 1);
  }
  if (host.empty() || host.find_first_of("@: /[]") != std::string_view::npos) return std::nullopt;
  node.host = host;
  return node;
}

std::string BootstrapNode::to_string() const {
  if (suggested) return fmt::format("{}@{}:{}", suggested->to_string(), host, port);
  return fmt::format("{}:{}", host, port);
}

}  // namespace hsfwd::rpc
