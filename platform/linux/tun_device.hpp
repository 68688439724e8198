// SPDX-License-Identifier: Apache-2.0
// /dev/net/tun: a descriptor that is the other end of an interface, and how packets pass it. What the
// kernel may hand over in one piece (IFF_VNET_HDR, TUNSETOFFLOAD) is a matter of this class alone:
// who uses it sees packets.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "net/packet_tunnel.hpp"
#include "platform/unique_fd.hpp"
#include "util/bytes.hpp"
#include "util/result.hpp"

namespace hsfwd::platform {

class TunDevice {
 public:
  /// Makes the interface, or takes the one that is there. The error is for people.
  static Result<TunDevice, std::string> open(const net::TunnelSettings& settings);

  int fd() const { return fd_.get(); }
  const std::string& name() const { return name_; }
  /// It was there before, and stays.
  bool persistent() const { return persistent_; }

  struct Received {
    std::span<MutableBytes> packets;  // until the next call, with the seam's room around each
    int error = 0;                    // the interface is gone
  };
  /// The next packets, at most kMaxTunnelBatch, none if there are none now.
  Received receive();

  struct Sent {
    std::size_t taken = 0;
    bool full = false;
  };
  Sent send(std::span<const MutableBytes> packets);

 private:
  TunDevice(UniqueFd fd, std::string name, bool persistent);

  UniqueFd fd_;
  std::string name_;
  bool persistent_ = false;
  std::unique_ptr<std::uint8_t[]> memory_;
  std::vector<MutableBytes> batch_;
};

}  // namespace hsfwd::platform
