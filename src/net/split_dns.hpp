// SPDX-License-Identifier: Apache-2.0
// The split DNS seam: the host's resolver asks somebody else about some names, and about no others.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace hsfwd::net {

/// Among the domains: every name.
inline constexpr const char* kAllNames = ".";

struct SplitDnsSettings {
  std::string interface;             // through which the servers are reached
  std::vector<std::string> servers;  // addresses
  std::vector<std::string> domains;  // a name is asked there if it is one of these or below one
};

/// As long as it lives; one that takes the place of another on the same interface is made when that is
/// gone. What it is about is forgotten with the interface in any case.
class SplitDns {
 public:
  virtual ~SplitDns() = default;
  /// Nothing is told any more, see Scheduler::retire().
  virtual void cancel() = 0;
};

class SplitDnsFactory {
 public:
  /// Once, later: empty if names are asked there from now on, else why not, in one clause for people. It is
  /// no reason to give anything up: the addresses work. May destroy the SplitDns through
  /// Scheduler::retire.
  using Told = std::function<void(const std::string& problem)>;

  virtual ~SplitDnsFactory() = default;
  virtual std::unique_ptr<SplitDns> open(const SplitDnsSettings& settings, Told told) = 0;
};

}  // namespace hsfwd::net
