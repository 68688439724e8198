// SPDX-License-Identifier: Apache-2.0
#include "platform/linux/tun_device.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <system_error>

#include "ip/vnet_header.hpp"
#include "platform/clock.hpp"

namespace hsfwd::platform {

namespace {

constexpr const char* kPath = "/dev/net/tun";
// Of linux/if_tun.h since 6.2, and of kernels since then.
constexpr unsigned long kUdpSegments4 = 0x20;
constexpr unsigned long kUdpSegments6 = 0x40;
constexpr unsigned long kTcpOffload = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
constexpr unsigned long kUdpOffload = kUdpSegments4 | kUdpSegments6;

std::string text_of(int error) {
  return std::system_category().message(error);
}

std::string cannot_open(int error) {
  if (error == ENOENT || error == ENODEV || error == ENXIO) {
    return fmt::format(
        "there is no {}: load the kernel's module (modprobe tun), or give the device to the "
        "container",
        kPath);
  }
  if (error == EACCES) {
    return fmt::format(
        "{0} may not be opened by this user: chmod 666 {0} allows it, as it is on most systems (it "
        "grants nothing by itself)",
        kPath);
  }
  return fmt::format("{} cannot be opened: {}", kPath, text_of(error));
}

std::string cannot_attach(const std::string& name, int error) {
  const bool there = if_nametoindex(name.c_str()) != 0;
  if (error == EBUSY) return fmt::format("the interface '{}' is in use by another program", name);
  if (error == EPERM && there) {
    return fmt::format("the interface '{}' is another user's, and needs CAP_NET_ADMIN", name);
  }
  if (error == EPERM) {
    return fmt::format(
        "to make a network interface takes CAP_NET_ADMIN: run with it, or make the interface for "
        "this "
        "user beforehand (ip tuntap add mode tun user {} name {})",
        geteuid(), TunDevice::first_name(name));
  }
  if (error == EINVAL && there) {
    return fmt::format("the interface '{}' is not a TUN interface, and not for us to use", name);
  }
  return fmt::format("the interface '{}' cannot be made: {}", name, text_of(error));
}

/// Makes `fd` the other end of an interface; an error number of errno, or 0 with what it has become.
int attach(int fd, const std::string& name, bool may_offload, ifreq& request) {
  // Not every system that has the device has vnet headers, as emulated ones do not.
  for (const int vnet : {IFF_VNET_HDR, 0}) {
    if (vnet != 0 && !may_offload) continue;
    request = {};
    static_assert(net::kMaxTunnelName < sizeof request.ifr_name);
    name.copy(request.ifr_name, net::kMaxTunnelName);
    request.ifr_flags = static_cast<short>(IFF_TUN | IFF_NO_PI | vnet);
    if (ioctl(fd, TUNSETIFF, &request) == 0) {
      return ioctl(fd, TUNGETIFF, &request) == 0 ? 0 : errno;
    }
    if (errno != EINVAL) return errno;
  }
  return EINVAL;
}

/// What programs have set before us on an interface that stays. No system knows all of it.
void clear_leftovers(int fd) {
  const int header_size = ip::VnetHeader::kSize;
  const int no = 0;
  const int much = std::numeric_limits<int>::max();
  ioctl(fd, TUNSETVNETHDRSZ, &header_size);
  ioctl(fd, TUNSETVNETLE, &no);
  ioctl(fd, TUNSETVNETBE, &no);
  ioctl(fd, TUNSETSNDBUF, &much);
  ioctl(fd, TUNSETOFFLOAD, 0);
}

/// Asks for what the kernel has.
TunWriter::Offload offload_of(int fd, bool vnet, const net::TunnelSettings& settings) {
  clear_leftovers(fd);
  if (!vnet) return {};
  const bool udp = ioctl(fd, TUNSETOFFLOAD, kTcpOffload | kUdpOffload) == 0;
  if (!udp) ioctl(fd, TUNSETOFFLOAD, kTcpOffload);
  return {.vnet = true, .tcp = true, .udp = udp && settings.may_coalesce_udp};
}

}  // namespace

TunDevice::TunDevice(UniqueFd fd, std::string name, bool persistent, TunWriter::Offload offload,
                     std::uint64_t secret)
    : file_(std::move(fd)),
      name_(std::move(name)),
      persistent_(persistent),
      reader_(std::make_unique<TunReader>(offload.vnet, secret)),
      writer_(offload) {}

std::string TunDevice::first_name(const std::string& name) {
  return name.ends_with("%d") ? name.substr(0, name.size() - 2) + "0" : name;
}

Result<UniqueFd, std::string> TunDevice::open_descriptor() {
  UniqueFd fd(::open(kPath, O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return Err(cannot_open(errno));
  return fd;
}

Result<TunDevice, std::string> TunDevice::open(const net::TunnelSettings& settings) {
  auto fd = open_descriptor();
  if (!fd) return Err(fd.error());
  return adopt(std::move(*fd), settings);
}

Result<TunDevice, std::string> TunDevice::adopt(UniqueFd fd, const net::TunnelSettings& settings) {
  ifreq request{};
  int error = attach(fd.get(), settings.name, settings.may_offload, request);
  // Who may make none may use the one that was made for him, as cannot_attach() advises.
  if (error == EPERM &&
      attach(fd.get(), first_name(settings.name), settings.may_offload, request) == 0) {
    error = 0;
  }
  if (error != 0) return Err(cannot_attach(settings.name, error));
  const bool vnet = (request.ifr_flags & IFF_VNET_HDR) != 0;
  const TunWriter::Offload offload = offload_of(fd.get(), vnet, settings);
  const bool persistent = (request.ifr_flags & IFF_PERSIST) != 0;
  return TunDevice(std::move(fd), request.ifr_name, persistent, offload, SystemRandom().u64());
}

}  // namespace hsfwd::platform
