// SPDX-License-Identifier: Apache-2.0
#include "cli/plan_diff.hpp"

#include <memory>

namespace hsfwd::cli {

namespace {

using Specs = std::vector<std::shared_ptr<const TunnelSpec>>;

bool same(const TunnelSpec& a, const TunnelSpec& b) {
  return &a.kind() == &b.kind() && a.same(b);
}

bool same_key(const TunnelSpec& a, const TunnelSpec& b) {
  return &a.kind() == &b.kind() && !a.key().empty() && a.key() == b.key();
}

std::vector<std::string> texts(const std::vector<BootstrapNode>& nodes) {
  std::vector<std::string> out;
  for (const BootstrapNode& node : nodes) out.push_back(node.to_string());
  return out;
}

}  // namespace

PlanDiff diff(const Plan& now_plan, const Plan& wanted_plan) {
  const Specs& now = now_plan.tunnels;
  const Specs& wanted = wanted_plan.tunnels;
  PlanDiff out;
  std::vector<bool> taken(now.size());
  std::vector<bool> matched(wanted.size());
  const auto match = [&](auto&& alike, std::vector<PlanDiff::Match>& into) {
    for (std::size_t w = 0; w < wanted.size(); ++w) {
      for (std::size_t n = 0; n < now.size() && !matched[w]; ++n) {
        if (taken[n] || !alike(*now[n], *wanted[w])) continue;
        taken[n] = matched[w] = true;
        into.push_back({n, w});
      }
    }
  };
  match(same, out.kept);
  match(same_key, out.changed);
  for (std::size_t w = 0; w < wanted.size(); ++w) {
    if (!matched[w]) out.added.push_back(w);
  }
  for (std::size_t n = 0; n < now.size(); ++n) {
    if (!taken[n]) out.removed.push_back(n);
  }
  return out;
}

std::vector<std::string> changed_sockets(const Plan& now, const Plan& wanted) {
  std::vector<std::string> out;
  for (const auto [before, after] : diff(now, wanted).changed) {
    const net::StreamAddress* was = now.tunnels[before]->local_address();
    const net::StreamAddress* is = wanted.tunnels[after]->local_address();
    if (was && is && was->same_place(*is) && *was != *is) out.push_back(is->to_string());
  }
  return out;
}

std::vector<std::string> changed_node_settings(const Plan& now, const Plan& wanted) {
  std::vector<std::string> out;
  if (now.identity != wanted.identity) out.emplace_back("identity");
  if (texts(now.node.bootstrap) != texts(wanted.node.bootstrap)) out.emplace_back("bootstrap");
  if (now.node.host != wanted.node.host) out.emplace_back("host");
  if (now.node.port != wanted.node.port || now.node.any_port != wanted.node.any_port) {
    out.emplace_back("port");
  }
  if (now.node.relay_through != wanted.node.relay_through) out.emplace_back("relay_through");
  if (now.node.max_buffered != wanted.node.max_buffered) out.emplace_back("max_buffered");
  if (now.node.session_patience != wanted.node.session_patience) out.emplace_back("patience");
  return out;
}

}  // namespace hsfwd::cli
