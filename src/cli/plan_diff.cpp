// SPDX-License-Identifier: Apache-2.0
#include "cli/plan_diff.hpp"

namespace hsfwd::cli {

namespace {

bool same_peer(const PeerReference& a, const PeerReference& b) {
  // An identity that comes with a reference is made from the same secret as its key.
  return a.key == b.key && a.identity.has_value() == b.identity.has_value();
}

bool same(const Plan::Expose& a, const Plan::Expose& b) {
  return a.identity == b.identity && a.services == b.services && a.allow == b.allow &&
         a.client_relays == b.client_relays;
}
bool same_place(const Plan::Expose& a, const Plan::Expose& b) {
  return a.identity == b.identity;
}

bool same(const Plan::Connect& a, const Plan::Connect& b) {
  return a.forward == b.forward && same_peer(a.peer, b.peer);
}
bool same_place(const Plan::Connect& a, const Plan::Connect& b) {
  // Port 0 is a different one each time.
  return a.forward.listen.same_place(b.forward.listen) &&
         (a.forward.listen.is_unix() || a.forward.listen.port != 0);
}

template <class T>
ListDiff diff_lists(const std::vector<T>& now, const std::vector<T>& wanted) {
  ListDiff out;
  std::vector<bool> taken(now.size());
  std::vector<bool> matched(wanted.size());
  const auto match = [&](auto&& alike, std::vector<ListDiff::Match>& into) {
    for (std::size_t w = 0; w < wanted.size(); ++w) {
      for (std::size_t n = 0; n < now.size() && !matched[w]; ++n) {
        if (taken[n] || !alike(now[n], wanted[w])) continue;
        taken[n] = matched[w] = true;
        into.push_back({n, w});
      }
    }
  };
  match([](const T& a, const T& b) { return same(a, b); }, out.kept);
  match([](const T& a, const T& b) { return same_place(a, b); }, out.changed);
  for (std::size_t w = 0; w < wanted.size(); ++w) {
    if (!matched[w]) out.added.push_back(w);
  }
  for (std::size_t n = 0; n < now.size(); ++n) {
    if (!taken[n]) out.removed.push_back(n);
  }
  return out;
}

std::vector<std::string> texts(const std::vector<BootstrapNode>& nodes) {
  std::vector<std::string> out;
  for (const BootstrapNode& node : nodes) out.push_back(node.to_string());
  return out;
}

}  // namespace

PlanDiff diff(const Plan& now, const Plan& wanted) {
  return {.exposes = diff_lists(now.exposes, wanted.exposes),
          .connects = diff_lists(now.connects, wanted.connects)};
}

std::vector<std::string> changed_sockets(const Plan& now, const Plan& wanted) {
  std::vector<std::string> out;
  for (const auto [before, after] : diff(now, wanted).connects.changed) {
    const net::StreamAddress& listen = wanted.connects[after].forward.listen;
    if (now.connects[before].forward.listen != listen) out.push_back(listen.to_string());
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
  return out;
}

}  // namespace hsfwd::cli
