// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "net/env.hpp"
#include "rpc/request.hpp"

namespace hsfwd::rpc {

/// Pings that are to be answered later. Of the places a host, and a /24, has its share.
class DelayedPings {
 public:
  using Answer = std::function<void(const RequestOrigin&)>;
  DelayedPings(const net::Env& env, Answer answer) : env_(env), answer_(std::move(answer)) {}

  /// Nothing happens beyond the asker's share.
  void add(const RequestOrigin& origin, Duration delay);

  static constexpr std::size_t kPlaces = 1024;
  // Who finds out how long its NAT remembers has one on its way; a host that is private may be a
  // network by itself.
  static constexpr std::size_t kOfHost = kPlaces / 16;
  static constexpr std::size_t kOfNetwork = kPlaces / 4;
  static constexpr std::size_t kOfLocalHost = kPlaces / 4;

 private:
  struct Waiting {
    net::Ipv4 host;
    std::unique_ptr<Timer> timer;
  };
  bool has_place(net::Ipv4 host) const;

  net::Env env_;
  Answer answer_;
  std::vector<Waiting> waiting_;
};

}  // namespace hsfwd::rpc
