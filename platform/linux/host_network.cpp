// SPDX-License-Identifier: Apache-2.0
#include "platform/host_network.hpp"

#include <linux/capability.h>
#include <net/if.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <optional>

#include "platform/linux/tun_device.hpp"

namespace hsfwd::platform {

namespace {

constexpr const char* kResolvedFolder = "/run/systemd/resolve";  // there as long as it runs

std::optional<int> number_in(const std::string& file) {
  std::ifstream in(file);
  int value = 0;
  return in >> value ? std::optional(value) : std::nullopt;
}

bool is_zero(const char* file) {
  return number_in(file) == 0;
}

/// Of two settings, of all and of its own, the greater counts.
std::vector<std::string> strict_interfaces(const std::string& but_for) {
  constexpr int kStrict = 1;
  const auto setting = [](const std::string& interface) {
    return number_in("/proc/sys/net/ipv4/conf/" + interface + "/rp_filter").value_or(0);
  };
  std::vector<std::string> out;
  const std::unique_ptr<struct if_nameindex, void (*)(struct if_nameindex*)> list(
      if_nameindex(), [](struct if_nameindex* names) {
        if (names != nullptr) if_freenameindex(names);
      });
  for (const auto* at = list.get(); at != nullptr && at->if_name != nullptr; ++at) {
    const std::string name = at->if_name;
    if (name == "lo" || name == but_for) continue;
    if (std::max(setting("all"), setting(name)) == kStrict) out.push_back(name);
  }
  return out;
}

bool has_net_admin() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
  if (syscall(SYS_capget, &header, data) != 0) return true;
  return (data[CAP_TO_INDEX(CAP_NET_ADMIN)].effective & CAP_TO_MASK(CAP_NET_ADMIN)) != 0;
}

}  // namespace

HostNetwork host_network(const std::string& interface) {
  const std::string name = TunDevice::first_name(interface);
  return {.forwards_ipv4 = !is_zero("/proc/sys/net/ipv4/ip_forward"),
          .forwards_ipv6 = !is_zero("/proc/sys/net/ipv6/conf/all/forwarding"),
          .strict_interfaces = strict_interfaces(name),
          .has_resolved = access(kResolvedFolder, F_OK) == 0,
          .has_interface = has_net_admin() || if_nametoindex(name.c_str()) != 0};
}

}  // namespace hsfwd::platform
