// SPDX-License-Identifier: Apache-2.0
#include "platform/host_network.hpp"

#include <linux/capability.h>
#include <net/if.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>

#include "platform/linux/tun_device.hpp"

namespace hsfwd::platform {

namespace {

bool is_zero(const char* file) {
  std::ifstream in(file);
  int value = 1;
  return in >> value && value == 0;
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
          .has_interface = has_net_admin() || if_nametoindex(name.c_str()) != 0};
}

}  // namespace hsfwd::platform
