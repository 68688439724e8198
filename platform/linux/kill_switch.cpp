// SPDX-License-Identifier: Apache-2.0
#include "platform/linux/kill_switch.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "platform/kill_switch.hpp"
#include "platform/linux/netlink_news.hpp"
#include "platform/socket_marks.hpp"

namespace hsfwd::platform {

namespace {

constexpr const char* kNoPrivilege =
    "to send everything through a peer takes CAP_NET_ADMIN: without it our own datagrams would go "
    "through the peer as well";

bool is_of_kill_switch(const Netlink::Rule& rule) {
  return rule.table == 0;
}

}  // namespace

KillSwitch::KillSwitch(Loop& loop, Netlink netlink, Mark mark, UniqueFd news)
    : loop_(loop),
      netlink_(std::move(netlink)),
      mark_(std::move(mark)),
      news_(std::move(news)),
      poll_(loop, news_.get(), [this](int) { on_news(); }) {}

Result<std::unique_ptr<KillSwitch>, std::string> KillSwitch::make(
    Loop& loop, const net::TunnelSettings& settings) {
  auto netlink = Netlink::open();
  if (!netlink) return Err("the network cannot be asked: " + netlink.error().text);
  auto mark = find_mark(*netlink, *settings.firewall_mark);
  if (!mark) return Err(mark.error().text);
  if (!*mark) return Err(std::string(kNoPrivilege));
  const auto another = has_kill_switch_of_another(*netlink, (*mark)->number);
  if (!another) return Err(another.error().text);
  // Each would keep the datagrams of the other from leaving.
  if (*another) {
    return Err(
        std::string("another hsfwd on this machine sends everything through a peer already"));
  }
  UniqueFd news = open_rule_news();
  if (!news) return Err("the network cannot be asked: " + std::system_category().message(errno));
  // In place of that of a tunnel without a kill switch, which ends soon.
  const std::uint32_t before = loop.socket_marks().mark();
  if (!loop.socket_marks().set((*mark)->number)) return Err(std::string(kNoPrivilege));
  try {
    std::unique_ptr<KillSwitch> out(
        new KillSwitch(loop, std::move(*netlink), std::move(**mark), std::move(news)));
    if (auto done = out->turn_on(settings); !done) {
      out.reset();
      loop.socket_marks().set(before);
      return Err(done.error());
    }
    out->poll_.watch(UV_READABLE);
    return out;
  } catch (const std::system_error& error) {
    loop.socket_marks().set(before);
    return Err<std::string>(error.what());
  }
}

Result<void, std::string> KillSwitch::turn_on(net::TunnelSettings settings) {
  settings.firewall_mark = mark_.number;
  std::vector<Netlink::Rule> rules = rules_of_kill_switch(settings);
  std::vector<Netlink::Rule> added;
  for (const Netlink::Rule& rule : rules) {
    const auto done = netlink_.add_rule(rule);
    if (done) {
      added.push_back(rule);
    } else if (done.error().number != EEXIST) {
      // A part of it would only be in the way.
      for (auto at = added.rbegin(); at != added.rend(); ++at) {
        static_cast<void>(netlink_.delete_rule(*at));
      }
      return Err(fmt::format("the kill switch (firewall mark {:#x}) cannot be set: {}",
                             mark_.number, done.error().text));
    }
  }
  if (rules_.empty()) found_ = added.empty() || added.front() != rules.front();
  for (const Netlink::Rule& rule : std::exchange(rules_, std::move(rules))) {
    if (std::find(rules_.begin(), rules_.end(), rule) != rules_.end()) continue;
    static_cast<void>(netlink_.delete_rule(rule));
  }
  return {};
}

/// Whatever the news is. A rule that is there already is refused, and makes no news.
void KillSwitch::on_news() {
  std::uint8_t buffer[8192];
  while (recv(news_.get(), buffer, sizeof buffer, MSG_DONTWAIT) > 0 || errno == ENOBUFS) {
  }
  for (const Netlink::Rule& rule : rules_) static_cast<void>(netlink_.add_rule(rule));
}

KillSwitch::~KillSwitch() {
  if (!found_) {
    for (const Netlink::Rule& rule : rules_) static_cast<void>(netlink_.delete_rule(rule));
  }
  loop_.socket_marks().set(0);
}

bool kill_switch_left_behind() {
  auto netlink = Netlink::open();
  if (!netlink) return false;
  const auto rules = rules_left_behind(*netlink);
  return rules && std::any_of(rules->begin(), rules->end(), is_of_kill_switch);
}

Result<void, std::string> lift_kill_switch() {
  auto netlink = Netlink::open();
  if (!netlink) return Err(netlink.error().text);
  const auto rules = rules_left_behind(*netlink);
  if (!rules) return Err(rules.error().text);
  for (const Netlink::Rule& rule : *rules) {
    const auto done = netlink->delete_rule(rule);
    if (!done) return Err(done.error().text);
  }
  return {};
}

}  // namespace hsfwd::platform
