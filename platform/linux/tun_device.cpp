// SPDX-License-Identifier: Apache-2.0
#include "platform/linux/tun_device.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace hsfwd::platform {

namespace {

constexpr const char* kPath = "/dev/net/tun";
constexpr std::size_t kAlign = 16;  // of packets, as of whatever new[] makes
constexpr std::size_t kRoomNeeded =
    net::kTunnelHeadroom + net::kMaxMtu + net::kTunnelTailroom + kAlign;
// Packets stand close together, whatever their size may be at most: a whole batch of usual ones fits, and
// what was used last is still in the cache.
constexpr std::size_t kMemory = 256 * 1024;

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
        geteuid(), name.ends_with("%d") ? name.substr(0, name.size() - 2) + "0" : name);
  }
  if (error == EINVAL && there) {
    return fmt::format("the interface '{}' is not a TUN interface, and not for us to use", name);
  }
  return fmt::format("the interface '{}' cannot be made: {}", name, text_of(error));
}

}  // namespace

TunDevice::TunDevice(UniqueFd fd, std::string name, bool persistent)
    : fd_(std::move(fd)),
      name_(std::move(name)),
      persistent_(persistent),
      memory_(new std::uint8_t[kMemory]) {
  batch_.reserve(net::kMaxTunnelBatch);
}

Result<TunDevice, std::string> TunDevice::open(const net::TunnelSettings& settings) {
  UniqueFd fd(::open(kPath, O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return Err(cannot_open(errno));
  ifreq request{};
  static_assert(net::kMaxTunnelName < sizeof request.ifr_name);
  settings.name.copy(request.ifr_name, net::kMaxTunnelName);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (ioctl(fd.get(), TUNSETIFF, &request) != 0) return Err(cannot_attach(settings.name, errno));
  if (ioctl(fd.get(), TUNGETIFF, &request) != 0) return Err(cannot_attach(settings.name, errno));
  return TunDevice(std::move(fd), request.ifr_name, (request.ifr_flags & IFF_PERSIST) != 0);
}

TunDevice::Received TunDevice::receive() {
  batch_.clear();
  Received received;
  std::size_t at = 0;
  while (batch_.size() < net::kMaxTunnelBatch && at + kRoomNeeded <= kMemory) {
    const std::size_t begin = at + net::kTunnelHeadroom;
    const ssize_t size = read(fd_.get(), memory_.get() + begin, net::kMaxMtu);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) {
      if (size < 0 && errno != EAGAIN) received.error = errno;
      break;
    }
    const auto length = static_cast<std::size_t>(size);
    batch_.emplace_back(memory_.get() + begin, length);
    at = (begin + length + net::kTunnelTailroom + kAlign - 1) / kAlign * kAlign;
  }
  received.packets = batch_;
  return received;
}

TunDevice::Sent TunDevice::send(std::span<const MutableBytes> packets) {
  Sent sent;
  while (sent.taken < packets.size()) {
    const MutableBytes packet = packets[sent.taken];
    const ssize_t size = write(fd_.get(), packet.data(), packet.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) {
      sent.full = true;
      break;
    }
    ++sent.taken;  // or refused, for itself or since the interface is down: lost
  }
  return sent;
}

}  // namespace hsfwd::platform
