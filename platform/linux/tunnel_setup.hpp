// SPDX-License-Identifier: Apache-2.0
// What an interface needs besides being there: its addresses, its routes, the rules of its mark.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/packet_tunnel.hpp"
#include "platform/linux/mark_rules.hpp"
#include "platform/linux/netlink.hpp"
#include "util/result.hpp"

namespace hsfwd::platform {

/// Takes back, when it goes, what it has added. What belongs to an interface goes with the interface in
/// any case; rules belong to none, and are all that is left when the process is killed. They lead
/// into an empty table then, so nowhere, until the next setup takes them away. Of an interface that stays
/// without its process, addresses and routes stay as well, and are as if somebody had set them beforehand.
class TunnelSetup {
 public:
  TunnelSetup(Netlink netlink, int interface, std::string name);
  ~TunnelSetup();
  TunnelSetup(const TunnelSetup&) = delete;
  TunnelSetup& operator=(const TunnelSetup&) = delete;

  /// The first of the settings' marks that is nobody's. Nothing if they have none, or it would take a privilege
  /// that is not there.
  Result<std::optional<std::uint32_t>, std::string> find_mark(const net::TunnelSettings& settings);

  /// With a mark that was found. Does what is not done already, so that an interface which has everything takes no privilege.
  Result<void, net::TunnelError> apply(const net::TunnelSettings& settings);

  Netlink& netlink() { return netlink_; }

 private:
  using Step = Result<void, net::TunnelError>;
  Step set_link(const net::TunnelSettings& settings);
  Step set_addresses(const net::TunnelSettings& settings);
  Step set_routes(const net::TunnelSettings& settings);
  Step set_rules(const net::TunnelSettings& settings);
  Step failed(const std::string& what, const NetlinkError& error) const;
  /// Nothing, if the route is there as it should be.
  Step refused(const Netlink::Route& route, const NetlinkError& error);

  Netlink netlink_;
  const int interface_;
  const std::string name_;
  Mark mark_;                                    // goes behind the rules about it
  std::vector<ip::InterfaceAddress> addresses_;  // that were added
  std::vector<Netlink::Route> routes_;
  std::vector<Netlink::Rule> rules_;
};

}  // namespace hsfwd::platform
