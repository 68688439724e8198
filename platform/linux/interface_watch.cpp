// SPDX-License-Identifier: Apache-2.0
// A netlink socket. Its messages only say when to look: links also report what is nobody's business,
// such as every scan of a wireless card, so the list of addresses is compared with the one before.
#include "platform/interface_watch.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

#include "platform/common/handle.hpp"
#include "platform/posix/socket.hpp"

namespace hsfwd::platform {

namespace {

// An interface that comes up gets its address and its routes one after the other.
constexpr Duration kSettleTime = 300_ms;
constexpr std::size_t kBuffer = 16 * 1024;

class NetlinkWatch final : public InterfaceWatch {
 public:
  NetlinkWatch(Loop& loop, UniqueFd fd, std::function<void()> changed)
      : fd_(std::move(fd)),
        interfaces_(make_interfaces(loop.own_interfaces())),
        changed_(std::move(changed)),
        known_(interfaces_->list()),
        settle_timer_(loop.scheduler(), [this] { compare(); }),
        poll_(loop, fd_.get(), [this](int) { read_all(); }) {
    poll_.watch(UV_READABLE);
  }

 private:
  void read_all() {
    alignas(nlmsghdr) char buffer[kBuffer];
    for (;;) {
      const ssize_t size = recv(fd_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (size < 0 && errno == EINTR) continue;
      // Messages were lost for want of room: whatever they said, it is time to look.
      const bool overrun = size < 0 && errno == ENOBUFS;
      if (size <= 0 && !overrun) return;
      if (!overrun) look_at(buffer, static_cast<std::size_t>(size));
      if (!settle_timer_.armed()) settle_timer_.start(kSettleTime);
    }
  }

  /// NLMSG_OK, without its comparison of numbers of different signs.
  static bool fits(const nlmsghdr& header, int left) {
    return left >= static_cast<int>(sizeof header) && header.nlmsg_len >= sizeof header &&
           header.nlmsg_len <= static_cast<std::uint32_t>(left);
  }

  void look_at(const char* buffer, std::size_t size) {
    auto left = static_cast<int>(size);
    for (auto* header = reinterpret_cast<const nlmsghdr*>(buffer); fits(*header, left);
         header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type != RTM_NEWROUTE && header->nlmsg_type != RTM_DELROUTE) continue;
      const auto* route = static_cast<const rtmsg*>(NLMSG_DATA(header));
      if (route->rtm_dst_len == 0 && route->rtm_table == RT_TABLE_MAIN) route_moved_ = true;
    }
  }

  void compare() {
    std::vector<net::Interface> now = interfaces_->list();
    const bool moved = std::exchange(route_moved_, false);
    if (now == known_ && !moved) return;
    known_ = std::move(now);
    changed_();
  }

  const UniqueFd fd_;
  std::unique_ptr<net::Interfaces> interfaces_;
  std::function<void()> changed_;
  std::vector<net::Interface> known_;
  bool route_moved_ = false;
  Timer settle_timer_;
  Poll poll_;
};

}  // namespace

std::unique_ptr<InterfaceWatch> watch_interfaces(Loop& loop, std::function<void()> changed) {
  UniqueFd fd = open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (!fd) return nullptr;
  sockaddr_nl local{};
  local.nl_family = AF_NETLINK;
  local.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE;
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&local), sizeof local) != 0) return nullptr;
  try {
    return std::make_unique<NetlinkWatch>(loop, std::move(fd), std::move(changed));
  } catch (const std::system_error&) {
    return nullptr;
  }
}

}  // namespace hsfwd::platform
