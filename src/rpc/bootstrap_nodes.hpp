// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
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

/// One walk through a list of bootstrap nodes, which become addresses one after the other. Names
/// that cannot be resolved are skipped.
class BootstrapWalk {
 public:
  using Found = std::function<void(const net::Address&)>;
  using Done = std::function<void()>;

  /// `nodes` outlives the walk. Neither callback may delete the walk.
  BootstrapWalk(const net::Env& env, Calls& calls, const std::vector<BootstrapNode>& nodes,
                Found found, Done done);

  void start();
  void cancel();
  bool done() const { return done_; }

 private:
  void advance();
  void try_suggested();
  void look_up();
  void on_ping(const CallResult& result);
  void use(net::Ipv4 host);

  net::Env env_;
  Calls& calls_;
  const std::vector<BootstrapNode>& nodes_;
  Found on_found_;
  Done on_done_;
  std::size_t next_ = 0;
  bool done_ = false;
  Call ping_;
  std::unique_ptr<net::Lookup> lookup_;
};

}  // namespace hsfwd::rpc
