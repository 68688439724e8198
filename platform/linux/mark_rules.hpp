// SPDX-License-Identifier: Apache-2.0
// Rules by which all packets but those with a firewall mark look into a table of the mark's number. They belong to no
// interface and to no process: those of one that was killed are there until somebody takes them away.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ip/address.hpp"
#include "net/packet_tunnel.hpp"
#include "platform/linux/netlink.hpp"
#include "platform/unique_fd.hpp"
#include "util/result.hpp"

namespace hsfwd::platform {

struct Mark {
  std::uint32_t number = 0;
  /// Whoever uses the mark has this, until it ends, however: it tells the living from those that were killed. A socket with a name of
  /// the network's.
  UniqueFd hold;
};

/// The first mark from `first` on that is nobody's: in a table that others look into our routes would be theirs, and lead
/// our own datagrams into the tunnel. Routes that somebody who was killed has left in it are taken away. Nothing if rules take a
/// privilege that is not there.
Result<std::optional<Mark>, NetlinkError> find_mark(Netlink& netlink, std::uint32_t first);

/// For networks of `length` bits and longer ones: the host's own come first, then the table's. The second ends the search for
/// nothing: shorter ones, of this table and of others, are looked for behind it. With a kill switch the host's own are trusted only
/// for private and local networks, since whoever gives out addresses on its line makes them, and for those that the settings name.
std::vector<Netlink::Rule> rules_for(const net::TunnelSettings& settings, bool is_v6, int length);

/// Those for all networks, of both families, and behind them: what has no way by them goes nowhere. In the order in which they
/// are to be made: none leads past those that are not there yet.
std::vector<Netlink::Rule> rules_of_kill_switch(const net::TunnelSettings& settings);

/// Rules of whoever was killed, and all of the mark `own`.
Result<std::vector<Netlink::Rule>, NetlinkError> rules_left_behind(
    Netlink& netlink, std::optional<std::uint32_t> own = std::nullopt);

/// Whether somebody who is alive, and has another mark, has a kill switch.
Result<bool, NetlinkError> has_kill_switch_of_another(Netlink& netlink, std::uint32_t own);

/// Takes away what rules_left_behind tells of but for `kept`. What cannot be taken away is an error only if it is the own mark's.
Result<void, NetlinkError> clear_rules_left_behind(Netlink& netlink,
                                                   std::optional<std::uint32_t> own,
                                                   const std::vector<Netlink::Rule>& kept);

}  // namespace hsfwd::platform
