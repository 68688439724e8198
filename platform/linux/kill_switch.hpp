// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "net/packet_tunnel.hpp"
#include "platform/common/handle.hpp"
#include "platform/linux/mark_rules.hpp"
#include "platform/linux/netlink.hpp"
#include "platform/loop.hpp"
#include "platform/unique_fd.hpp"
#include "util/result.hpp"

namespace hsfwd::platform {

/// While it lives nothing leaves this host but into local networks that it is in, into a tunnel with its mark, and as a datagram of
/// the loop's, which have that mark. If the process is killed that stays so until the next setup of rules
/// (mark_rules.hpp), or until somebody takes the rules away. Who does so while it lives finds them there again.
class KillSwitch {
 public:
  /// On, with the first mark from that of the settings on that is nobody's. The error is one line for people.
  static Result<std::unique_ptr<KillSwitch>, std::string> make(Loop& loop,
                                                               const net::TunnelSettings& settings);
  /// Off; but one that was found, of a process that was killed, and never had a tunnel, stays.
  ~KillSwitch();
  KillSwitch(const KillSwitch&) = delete;
  KillSwitch& operator=(const KillSwitch&) = delete;

  std::uint32_t mark() const { return mark_.number; }
  /// As these settings have it, without a gap.
  Result<void, std::string> turn_on(net::TunnelSettings settings);
  /// There was a tunnel: this is no start that has failed.
  void own() { found_ = false; }

 private:
  KillSwitch(Loop& loop, Netlink netlink, Mark mark, UniqueFd news);
  void on_news();

  Loop& loop_;
  Netlink netlink_;
  const Mark mark_;
  std::vector<Netlink::Rule> rules_;
  bool found_ = false;
  UniqueFd news_;
  Poll poll_;
};

}  // namespace hsfwd::platform
