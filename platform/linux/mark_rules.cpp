// SPDX-License-Identifier: Apache-2.0
#include "platform/linux/mark_rules.hpp"

#include <fmt/format.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <map>
#include <string>

#include "platform/posix/socket.hpp"

namespace hsfwd::platform {

namespace {

// Two for each length of a network, the longest first: ahead of the rule for the main table (32766), behind
// those that people number by hand from the front.
constexpr std::uint32_t kFirstPriority = 30'000;
constexpr std::uint32_t kPriorityOfNone = kFirstPriority - 1;
// Behind those for all networks.
constexpr std::uint32_t kLastPriority = kFirstPriority + 2 * ip::Prefix::kBits + 2;
// Numbers of the system's own tables; 0 is no mark.
constexpr std::array<std::uint32_t, 4> kNotForUs{RT_TABLE_DEFAULT, RT_TABLE_MAIN, RT_TABLE_LOCAL,
                                                 0};

template <class List, class Value>
bool holds(const List& list, const Value& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

/// Networks that are nobody's on the internet, so that a route to one takes nothing away from it.
const std::vector<ip::Prefix>& local_networks(bool is_v6) {
  const auto networks = [](std::initializer_list<const char*> texts) {
    std::vector<ip::Prefix> out;
    for (const char* text : texts) out.push_back(*ip::Prefix::parse(text));
    return out;
  };
  static const auto v4 = networks(
      {"10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"});
  static const auto v6 = networks({"fc00::/7", "fe80::/10"});
  return is_v6 ? v6 : v4;
}

/// Behind a zero: a name that is in no file system, and gone with the socket (unix(7)).
std::string name_of(std::uint32_t mark) {
  return std::string(1, '\0') + fmt::format("hsfwd-mark-{:#x}", mark);
}

struct MarkAddress {
  explicit MarkAddress(std::uint32_t mark) {
    const std::string name = name_of(mark);
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, sizeof address.sun_path);
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }

  sockaddr_un address{};
  socklen_t size = 0;
};

/// Empty if somebody has it.
UniqueFd hold_mark(std::uint32_t mark) {
  UniqueFd fd = open_socket(AF_UNIX, SOCK_DGRAM);
  const MarkAddress at(mark);
  if (fd && bind(fd.get(), at.get(), at.size) != 0) fd.reset();
  return fd;
}

/// Accounts of the system: an ordinary user cannot have made rules, whatever names he takes.
bool may_hold_marks(std::uint32_t user) {
  constexpr std::uint32_t kFirstOrdinary = 1000;
  return user < kFirstOrdinary || user == geteuid();
}

/// Whether somebody has the mark who may. What cannot be known is as if somebody had.
bool is_held(std::uint32_t mark) {
  const UniqueFd fd = open_socket(AF_UNIX, SOCK_DGRAM);
  const MarkAddress at(mark);
  if (fd && connect(fd.get(), at.get(), at.size) != 0 && errno == ECONNREFUSED) return false;
  const auto user = user_of_socket(name_of(mark));
  return !user || !*user || may_hold_marks(**user);
}

/// A mark alone may be had with less, and is of no use.
bool may_set_rules(Netlink& netlink, std::uint32_t mark) {
  // There is no such rule: who may not delete any is told so first.
  const auto done =
      netlink.delete_rule({.priority = kPriorityOfNone, .not_mark = mark, .table = mark});
  return done || done.error().number != EPERM;
}

}  // namespace

Result<std::optional<Mark>, NetlinkError> find_mark(Netlink& netlink, std::uint32_t first) {
  if (!may_set_rules(netlink, first)) return std::optional<Mark>();
  for (std::uint32_t mark = first; mark != first + net::kFirewallMarks; ++mark) {
    if (holds(kNotForUs, mark)) continue;
    const auto routes = netlink.routes(mark);
    if (!routes) return Err(routes.error());
    if (!std::all_of(routes->begin(), routes->end(), [](const auto& route) { return route.ours; }))
      continue;
    UniqueFd hold = hold_mark(mark);
    if (!hold) continue;
    for (const Netlink::Route& route : *routes) static_cast<void>(netlink.delete_route(route));
    return std::optional(Mark{mark, std::move(hold)});
  }
  return Err(
      NetlinkError{EEXIST, fmt::format("the firewall marks {:#x} to {:#x} are all other tunnels'",
                                       first, first + net::kFirewallMarks - 1)});
}

std::vector<Netlink::Rule> rules_for(const net::TunnelSettings& settings, bool is_v6, int length) {
  const std::uint32_t mark = *settings.firewall_mark;
  const int longest = is_v6 ? ip::Prefix::kBits : ip::Prefix::kBits - ip::Prefix::kIpv4Bits;
  const std::uint32_t priority = kFirstPriority + 2 * static_cast<std::uint32_t>(longest - length);
  const auto shorter = static_cast<std::uint32_t>(std::max(length - 1, 0));
  Netlink::Rule tunnel{is_v6, priority + 1, mark, mark, shorter};
  if (length == 0) tunnel.passed_over.reset();
  const Netlink::Rule own{is_v6, priority, mark, RT_TABLE_MAIN, shorter};
  if (!settings.kill_switch) return {own, tunnel};
  std::vector<Netlink::Rule> out;
  for (const ip::Prefix& network : local_networks(is_v6)) {
    // Of two rules that differ in what is passed over alone the kernel would delete the wrong one.
    if (length == 0 && holds(settings.direct, network)) continue;
    out.push_back(own);
    out.back().to = network;
  }
  for (const ip::Prefix& network : settings.direct) {
    if (network.is_ipv4() == is_v6) continue;
    // A peer's network that is part of a direct one is the peer's.
    const auto passed_over = length > 0 ? std::optional(shorter) : std::nullopt;
    const Netlink::Rule rule{is_v6, priority, mark, RT_TABLE_MAIN, passed_over, network};
    if (!holds(out, rule)) out.push_back(rule);
  }
  out.push_back(tunnel);
  return out;
}

std::vector<Netlink::Rule> rules_of_kill_switch(const net::TunnelSettings& settings) {
  std::vector<Netlink::Rule> out;
  for (const bool is_v6 : {false, true}) {
    out.push_back({.is_v6 = is_v6, .priority = kLastPriority, .not_mark = *settings.firewall_mark});
    for (const Netlink::Rule& rule : rules_for(settings, is_v6, 0)) out.push_back(rule);
  }
  return out;
}

Result<std::vector<Netlink::Rule>, NetlinkError> rules_left_behind(
    Netlink& netlink, std::optional<std::uint32_t> own) {
  auto rules = netlink.rules();
  if (!rules) return Err(rules.error());
  // There are dozens of a mark.
  std::map<std::uint32_t, bool> held;
  std::erase_if(*rules, [&](const Netlink::Rule& rule) {
    if (rule.not_mark == own) return false;
    if (!held.contains(rule.not_mark)) held[rule.not_mark] = is_held(rule.not_mark);
    return held[rule.not_mark];
  });
  return std::move(*rules);
}

Result<bool, NetlinkError> has_kill_switch_of_another(Netlink& netlink, std::uint32_t own) {
  const auto rules = netlink.rules();
  if (!rules) return Err(rules.error());
  return std::any_of(rules->begin(), rules->end(), [own](const Netlink::Rule& rule) {
    return rule.table == 0 && rule.not_mark != own && is_held(rule.not_mark);
  });
}

Result<void, NetlinkError> clear_rules_left_behind(Netlink& netlink,
                                                   std::optional<std::uint32_t> own,
                                                   const std::vector<Netlink::Rule>& kept) {
  const auto rules = rules_left_behind(netlink, own);
  if (!rules) return Err(rules.error());
  for (const Netlink::Rule& rule : *rules) {
    if (holds(kept, rule)) continue;
    const auto done = netlink.delete_rule(rule);
    if (!done && rule.not_mark == own) return Err(done.error());
  }
  return {};
}

}  // namespace hsfwd::platform
