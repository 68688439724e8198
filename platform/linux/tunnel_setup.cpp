// SPDX-License-Identifier: Apache-2.0
#include "platform/linux/tunnel_setup.hpp"

#include <fmt/format.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "platform/linux/mark_rules.hpp"

namespace hsfwd::platform {

namespace {

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
    if (other.to != route.to || other.table != route.table || other.metric != route.metric)
      continue;
    if (other.interface == route.interface) return {};
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

Result<std::optional<std::uint32_t>, std::string> TunnelSetup::find_mark(
    const net::TunnelSettings& settings) {
  if (!settings.firewall_mark) return std::optional<std::uint32_t>();
  auto found = platform::find_mark(netlink_, *settings.firewall_mark);
  if (!found) return Err(found.error().text);
  if (!*found) return std::optional<std::uint32_t>();
  mark_ = std::move(**found);
  return std::optional(mark_.number);
}

Result<void, net::TunnelError> TunnelSetup::set_rules(const net::TunnelSettings& settings) {
  const auto mark = settings.firewall_mark;
  const auto kept =
      settings.kill_switch ? rules_of_kill_switch(settings) : std::vector<Netlink::Rule>();
  const auto cleared = clear_rules_left_behind(netlink_, mark, kept);
  if (!cleared) return failed("a rule", cleared.error());
  if (!mark) return {};
  std::set<std::pair<bool, int>> kinds;
  for (const net::TunnelRoute& route : settings.routes) {
    if (!route.even_marked) kinds.emplace(!route.to.is_ipv4(), route.to.length());
  }
  for (const auto& [is_v6, length] : kinds) {
    for (const Netlink::Rule& rule : rules_for(settings, is_v6, length)) {
      if (has(kept, rule)) continue;
      const auto done = netlink_.add_rule(rule);
      if (!done) return failed(fmt::format("the firewall mark {:#x}", *mark), done.error());
      rules_.push_back(rule);
    }
  }
  return {};
}

}  // namespace hsfwd::platform
