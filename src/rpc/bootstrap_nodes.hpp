// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/bootstrap_node.hpp"
#include "rpc/call.hpp"

namespace hsfwd::rpc {

/// Names that could not be resolved when they were last looked up. A node looks them up with every
/// query: each is told of once, until it resolves again.
using UnresolvedNames = std::set<std::string>;

/// Turns a list of bootstrap nodes into addresses, all at once. Names that cannot be resolved are
/// skipped.
class BootstrapWalk {
 public:
  using Found = std::function<void(const net::Address&)>;
  using Progress = std::function<void()>;

  /// `nodes` and `unresolved` outlive the walk. `progress` is called when a name is resolved or
  /// not, or a suggested address does not answer in time. Neither callback may delete the walk.
  BootstrapWalk(const net::Env& env, Calls& calls, const std::vector<BootstrapNode>& nodes,
                UnresolvedNames& unresolved, Found found, Progress progress);

  void start();
  void cancel();
  /// Nothing is left but suggested addresses that have left that many transmissions unanswered.
  bool settled(int unanswered) const;
  bool done() const { return open_ == 0; }

 private:
  struct Step {
    std::unique_ptr<Call> ping;
    std::unique_ptr<net::Lookup> lookup;
  };
  void begin(std::size_t index);
  void try_suggested(std::size_t index);
  void look_up(std::size_t index);
  void finish(std::size_t index, std::optional<net::Ipv4> host);
  void tell();

  net::Env env_;
  Calls& calls_;
  const std::vector<BootstrapNode>& nodes_;
  UnresolvedNames& unresolved_;
  Found on_found_;
  Progress on_progress_;
  std::vector<Step> steps_;
  std::size_t open_;
  bool cancelled_ = false;
};

}  // namespace hsfwd::rpc
