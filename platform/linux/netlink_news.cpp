// SPDX-License-Identifier: Apache-2.0
#include "platform/linux/netlink_news.hpp"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>

#include "platform/linux/netlink.hpp"
#include "platform/linux/netlink_message.hpp"

namespace hsfwd::platform {

namespace {

LinkNews news_of(const nlmsghdr& message, const ifinfomsg& head) {
  LinkNews news{.interface = head.ifi_index,
                .gone = message.nlmsg_type == RTM_DELLINK,
                .up = (head.ifi_flags & IFF_UP) != 0};
  each_attribute(message, sizeof head, [&news](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) == IFLA_MTU) news.mtu = number_of(attribute);
  });
  return news;
}

/// That hears what is told to groups: a mask of theirs.
UniqueFd open_news(std::uint32_t groups) {
  UniqueFd fd = open_netlink_socket();
  if (!fd) return fd;
  sockaddr_nl local{};
  local.nl_family = AF_NETLINK;
  local.nl_groups = groups;
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0) fd.reset();
  return fd;
}

}  // namespace

UniqueFd open_link_news() {
  return open_news(RTMGRP_LINK);
}

UniqueFd open_rule_news() {
  return open_news(1U << (RTNLGRP_IPV4_RULE - 1) | 1U << (RTNLGRP_IPV6_RULE - 1));
}

bool read_link_news(int fd, const std::function<void(const LinkNews&)>& on_news) {
  alignas(nlmsghdr) std::uint8_t buffer[kNetlinkAnswer];
  bool whole = true;
  for (;;) {
    const ssize_t size = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == ENOBUFS) {
      whole = false;
      continue;
    }
    if (size <= 0) return whole;
    int left = static_cast<int>(size);
    for (auto* message = reinterpret_cast<const nlmsghdr*>(buffer); mnl_nlmsg_ok(message, left);
         message = mnl_nlmsg_next(message, &left)) {
      const auto* head = head_of<ifinfomsg>(*message, RTM_NEWLINK);
      if (head == nullptr) head = head_of<ifinfomsg>(*message, RTM_DELLINK);
      // A bridge says of its ports what is of the bridge alone.
      if (head != nullptr && head->ifi_family == AF_UNSPEC) on_news(news_of(*message, *head));
    }
  }
}

}  // namespace hsfwd::platform
