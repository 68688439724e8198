// SPDX-License-Identifier: Apache-2.0
#include "rpc/bootstrap_nodes.hpp"

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

BootstrapWalk::BootstrapWalk(const net::Env& env, Calls& calls,
                             const std::vector<BootstrapNode>& nodes, Found found, Done done)
    : env_(env),
      calls_(calls),
      nodes_(nodes),
      on_found_(std::move(found)),
      on_done_(std::move(done)),
      ping_(calls, [this](const CallResult& result) { on_ping(result); }) {}

void BootstrapWalk::start() { advance(); }

void BootstrapWalk::cancel() {
  next_ = nodes_.size();
  ping_.cancel();
  lookup_.reset();
}

void BootstrapWalk::advance() {
  while (next_ < nodes_.size()) {
    const BootstrapNode& node = nodes_[next_];
    if (node.suggested) {
      try_suggested();
      return;
    }
    const auto literal = net::Ipv4::parse(node.host);
    if (!literal) {
      look_up();
      return;
    }
    ++next_;
    on_found_({*literal, node.port});
  }
  done_ = true;
  on_done_();
}

void BootstrapWalk::try_suggested() {
  const BootstrapNode& node = nodes_[next_];
  RequestSpec spec;
  spec.to = {*node.suggested, node.port};
  spec.internal = true;
  spec.command = static_cast<std::uint64_t>(InternalCommand::kPing);
  ping_.start(std::move(spec));
}

void BootstrapWalk::on_ping(const CallResult& result) {
  if (result) {
    use(*nodes_[next_].suggested);
  } else {
    look_up();
  }
}

void BootstrapWalk::look_up() {
  lookup_ = env_.resolver.resolve(nodes_[next_].host, [this](const Result<net::Ipv4>& host) {
    env_.scheduler.retire(std::move(lookup_));
    if (host) {
      use(*host);
    } else {
      env_.log.warning("bootstrap", "cannot resolve {}", nodes_[next_].host);
      ++next_;
      advance();
    }
  });
}

void BootstrapWalk::use(net::Ipv4 host) {
  const net::Address address{host, nodes_[next_].port};
  ++next_;
  on_found_(address);
  advance();
}

}  // namespace hsfwd::rpc
