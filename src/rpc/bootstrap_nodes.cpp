// SPDX-License-Identifier: Apache-2.0
#include "rpc/bootstrap_nodes.hpp"

#include <fmt/format.h>

#include "util/text.hpp"

namespace hsfwd::rpc {

BootstrapWalk::BootstrapWalk(const net::Env& env, Calls& calls,
                             const std::vector<BootstrapNode>& nodes, UnresolvedNames& unresolved,
                             Found found, Progress progress)
    : env_(env),
      calls_(calls),
      nodes_(nodes),
      unresolved_(unresolved),
      on_found_(std::move(found)),
      on_progress_(std::move(progress)),
      steps_(nodes.size()),
      open_(nodes.size()) {}

void BootstrapWalk::start() {
  for (std::size_t i = 0; i < nodes_.size() && !cancelled_; ++i) begin(i);
  if (open_ > 0 || nodes_.empty()) tell();
}

void BootstrapWalk::cancel() {
  cancelled_ = true;
  for (Step& step : steps_) {
    if (step.ping) calls_.see_out(std::move(step.ping));
    step.lookup.reset();
  }
}

bool BootstrapWalk::settled(int unanswered) const {
  std::size_t silent = 0;
  for (const Step& step : steps_) {
    if (step.ping && calls_.unanswered(step.ping->to()) >= unanswered) ++silent;
  }
  return silent == open_;
}

void BootstrapWalk::begin(std::size_t index) {
  const BootstrapNode& node = nodes_[index];
  if (node.suggested) {
    try_suggested(index);
  } else if (const auto literal = net::Ipv4::parse(node.host)) {
    finish(index, *literal);
  } else {
    look_up(index);
  }
}

void BootstrapWalk::try_suggested(std::size_t index) {
  const net::Address address{*nodes_[index].suggested, nodes_[index].port};
  auto& ping = steps_[index].ping;
  ping = std::make_unique<Call>(calls_, [this, index](const CallResult& result) {
    env_.scheduler.retire(std::move(steps_[index].ping));
    if (result) {
      finish(index, nodes_[index].suggested);
    } else {
      look_up(index);
    }
  });
  ping->on_repeat([this] { tell(); });
  RequestSpec spec;
  spec.to = address;
  spec.to_id = node_id_of(address);
  spec.command = InternalCommand::kPing;
  ping->start(std::move(spec));
}

void BootstrapWalk::look_up(std::size_t index) {
  steps_[index].lookup =
      env_.resolver.resolve(nodes_[index].host, [this, index](const Result<net::Ipv4>& host) {
        env_.scheduler.retire(std::move(steps_[index].lookup));
        const std::string& name = nodes_[index].host;
        if (host) {
          unresolved_.erase(name);
        } else if (unresolved_.insert(name).second) {
          env_.log.warning("bootstrap", "cannot resolve {}", name);
        }
        finish(index, host ? std::optional(*host) : std::nullopt);
      });
}

void BootstrapWalk::finish(std::size_t index, std::optional<net::Ipv4> host) {
  --open_;
  if (host) on_found_({*host, nodes_[index].port});
  tell();
}

void BootstrapWalk::tell() {
  if (!cancelled_) on_progress_();
}

}  // namespace hsfwd::rpc
