// SPDX-License-Identifier: Apache-2.0
#include "platform/linux/tunnel_setup.hpp"

#include <fmt/format.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <utility>

namespace hsfwd::platform {

namespace {

// Two for each length of a network, the longest first: ahead of the rule for the main table (32766), behind
// those that people number by hand from the front.
constexpr std::uint32_t kFirstPriority = 30'000;
constexpr std::uint32_t kPriorityOfNone = kFirstPriority - 1;
// Numbers of the system's own tables; 0 is no mark.
constexpr std::array<std::uint32_t, 4> kNotForUs{RT_TABLE_DEFAULT, RT_TABLE_MAIN, RT_TABLE_LOCAL,
                                                 0};

template <class List, class Value>
bool has(const List& list, const Value& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

std::uint32_t table_of(const net::TunnelSettings& settings, const net::TunnelRoute& route) {
  return route.even_marked ? RT_TABLE_MAIN : settings.firewall_mark.value_or(RT_TABLE_MAIN);
}

}  // namespace

TunnelSetup::TunnelSetup(Netlink netlink, int interface, std::string name)
    : netlink_(std::move(netlink)), interface_(interface), name_(std::move(name)) {}

TunnelSetup::~TunnelSetup() {
  // What is gone by now, or another's, is no matter. Rules first: nothing falls into half a table.
  for (const Netlink::Rule& rule : rules_) static_cast<void>(netlink_.delete_rule(rule));
  for (const Netlink::Route& route : routes_) static_cast<void>(netlink_.delete_route(route));
  for (const ip::InterfaceAddress& address : addresses_) {
    static_cast<void>(netlink_.delete_address(interface_, address));
  }
}

Result<void, net::TunnelError> TunnelSetup::apply(const net::TunnelSettings& settings) {
  for (const auto step : {&TunnelSetup::set_link, &TunnelSetup::set_addresses,
                          &TunnelSetup::set_routes, &TunnelSetup::set_rules}) {
    if (auto done = (this->*step)(settings); !done) return done;
  }
  return {};
}

Result<void, net::TunnelError> TunnelSetup::failed(const std::string& what,
                                                   const NetlinkError& error) const {
  if (error.number == EPERM) {
    return Err(net::TunnelError{fmt::format(
        "{} of the interface '{}' cannot be set without CAP_NET_ADMIN, unless it has that already",
        what, name_)});
  }
  return Err(net::TunnelError{
      fmt::format("{} of the interface '{}' cannot be set: {}", what, name_, error.text)});
}

Result<void, net::TunnelError> TunnelSetup::set_link(const net::TunnelSettings& settings) {
  const auto link = netlink_.link(interface_);
  if (!link) return failed("the state", link.error());
  if (!link->up) {
    // Without IPv6 in the kernel there is nothing to switch off.
    static_cast<void>(netlink_.set_no_automatic_addresses(interface_));
  }
  if (link->mtu != settings.mtu) {
    const auto done = netlink_.set_mtu(interface_, settings.mtu);
    if (!done) return failed(fmt::format("the MTU {}", settings.mtu), done.error());
  }
  if (!link->up) {
    const auto done = netlink_.set_up(interface_);
    if (!done) return failed("the state \"up\"", done.error());
  }
  return {};
}

Result<void, net::TunnelError> TunnelSetup::set_addresses(const net::TunnelSettings& settings) {
  const auto present = netlink_.addresses(interface_);
  if (!present) return failed("an address", present.error());
  for (const ip::InterfaceAddress& address : settings.addresses) {
    if (has(*present, address) || has(addresses_, address)) continue;
    const auto done = netlink_.add_address(interface_, address);
    if (!done) return failed(fmt::format("the address {}", address.to_string()), done.error());
    addresses_.push_back(address);
  }
  return {};
}

Result<void, net::TunnelError> TunnelSetup::set_routes(const net::TunnelSettings& settings) {
  for (const net::TunnelRoute& wanted : settings.routes) {
    const Netlink::Route route{.to = wanted.to,
                               .interface = interface_,
                               .metric = wanted.metric.value_or(net::kRouteMetric),
                               .table = table_of(settings, wanted)};
    const auto done = netlink_.add_route(route);
    if (done) {
      routes_.push_back(route);
    } else if (auto problem = refused(route, done.error()); !problem) {
      return problem;
    }
  }
  return {};
}

/// A machine may have very many routes: they are looked through only when there is a question.
Result<void, net::TunnelError> TunnelSetup::refused(const Netlink::Route& route,
                                                    const NetlinkError& error) {
  std::string owner;
  const auto routes = netlink_.routes();
  for (const Netlink::Route& other : routes ? *routes : std::vector<Netlink::Route>()) {
    if (other == route) return {};
    if (other.to != route.to || other.table != route.table || other.metric != route.metric)
      continue;
    char name[IF_NAMESIZE] = "";
    if_indextoname(static_cast<unsigned>(other.interface), name);
    owner = fmt::format(" through '{}'", name);
  }
  if (error.number != EEXIST)
    return failed(fmt::format("the route to {}", route.to.to_string()), error);
  return Err(net::TunnelError{fmt::format("there is a route to {} of metric {} already{}",
                                          route.to.to_string(), route.metric, owner),
                              route.to});
}

/// Whether a table has routes of somebody else.
NetlinkResult<bool> TunnelSetup::has_others(std::uint32_t table) {
  const auto routes = netlink_.routes(table);
  if (!routes) return Err(routes.error());
  return std::any_of(routes->begin(), routes->end(),
                     [this](const Netlink::Route& route) { return route.interface != interface_; });
}

/// The mark is the number of a table as well. In one that others look into, our routes would be theirs, and lead
/// our own datagrams into the tunnel.
Result<std::optional<std::uint32_t>, std::string> TunnelSetup::find_mark(
    const net::TunnelSettings& settings) {
  if (!settings.firewall_mark || !may_set_rules(*settings.firewall_mark)) {
    return std::optional<std::uint32_t>();
  }
  const std::uint32_t first = *settings.firewall_mark;
  for (std::uint32_t mark = first; mark != first + net::kFirewallMarks; ++mark) {
    if (has(kNotForUs, mark)) continue;
    const auto others = has_others(mark);
    if (!others)
      return Err(failed(fmt::format("the firewall mark {:#x}", mark), others.error()).error().text);
    if (!*others) return std::optional(mark);
  }
  return Err(fmt::format("the firewall marks {:#x} to {:#x} are all other tunnels'", first,
                         first + net::kFirewallMarks - 1));
}

/// A mark alone may be had with less, and is of no use.
bool TunnelSetup::may_set_rules(std::uint32_t mark) {
  // There is no such rule: who may not delete any is told so first.
  const auto done =
      netlink_.delete_rule({.priority = kPriorityOfNone, .not_mark = mark, .table = mark});
  return done || done.error().number != EPERM;
}

/// Of whoever was killed, whatever its mark was. A table of somebody who is alive has routes from before
/// the rules are there until they are gone.
Result<void, net::TunnelError> TunnelSetup::clear_rules_left_behind(
    std::optional<std::uint32_t> mark) {
  const auto rules = netlink_.rules();
  if (!rules) return failed("a rule", rules.error());
  for (const Netlink::Rule& rule : *rules) {
    const auto alive = has_others(rule.not_mark);
    if (!alive) return failed("a rule", alive.error());
    if (*alive) continue;
    const auto done = netlink_.delete_rule(rule);
    if (!done && rule.not_mark == mark) {
      return failed(fmt::format("the firewall mark {:#x}", *mark), done.error());
    }
  }
  return {};
}

Result<void, net::TunnelError> TunnelSetup::set_rules(const net::TunnelSettings& settings) {
  if (auto cleared = clear_rules_left_behind(settings.firewall_mark); !cleared) return cleared;
  if (!settings.firewall_mark) return {};
  std::set<std::pair<bool, int>> kinds;
  for (const net::TunnelRoute& route : settings.routes) {
    if (!route.even_marked) kinds.emplace(!route.to.is_ipv4(), route.to.length());
  }
  for (const auto& [is_v6, length] : kinds) {
    if (auto added = add_rules(settings, is_v6, length); !added) return added;
  }
  return {};
}

/// Two tables are asked as if they were one: for networks of this length or longer first the host's, then the
/// tunnel's, and likewise for shorter ones, of this tunnel and of others, behind that.
Result<void, net::TunnelError> TunnelSetup::add_rules(const net::TunnelSettings& settings,
                                                      bool is_v6, int length) {
  const std::uint32_t mark = *settings.firewall_mark;
  const int longest = is_v6 ? ip::Prefix::kBits : ip::Prefix::kBits - ip::Prefix::kIpv4Bits;
  const std::uint32_t priority = kFirstPriority + 2 * static_cast<std::uint32_t>(longest - length);
  const auto shorter = static_cast<std::uint32_t>(std::max(length - 1, 0));
  const Netlink::Rule own{is_v6, priority, mark, RT_TABLE_MAIN, shorter};
  Netlink::Rule tunnel{is_v6, priority + 1, mark, mark, shorter};
  if (length == 0) tunnel.passed_over.reset();
  for (const Netlink::Rule& rule : {own, tunnel}) {
    const auto done = netlink_.add_rule(rule);
    if (!done) return failed(fmt::format("the firewall mark {:#x}", mark), done.error());
    rules_.push_back(rule);
  }
  return {};
}

}  // namespace hsfwd::platform
