// SPDX-License-Identifier: Apache-2.0
// Sockets that hear what changes in the kernel's network, for a loop to wait for, of the network that the process is in which opens
// them.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>

#include "platform/unique_fd.hpp"

namespace hsfwd::platform {

/// Of every change of a rule.
UniqueFd open_rule_news();
/// Of every change of a link.
UniqueFd open_link_news();
/// What the news says of an interface.
struct LinkNews {
  int interface = 0;
  bool gone = false;
  bool up = false;
  std::optional<std::size_t> mtu;
};
/// Hands on all that has come. False if some was lost for want of room: it is time to ask.
bool read_link_news(int fd, const std::function<void(const LinkNews&)>& on_news);

}  // namespace hsfwd::platform
