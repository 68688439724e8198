// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/call.hpp"

namespace hsfwd::rpc {

/// Where a node finds its first peers: `host:port`, or `ip@host:port`, where the address is tried
/// first and the name looked up if it does not answer.
struct BootstrapNode {
  std::string host;
  std::optional<net::Ipv4> suggested;
  std::uint16_t port = 0;

  /// Nothing if the text is of neither form or the port is 0.
  static std::optional<BootstrapNode> parse(std::string_view text);
  std::string to_string() const;
};

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
