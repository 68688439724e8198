// SPDX-License-Identifier: Apache-2.0
// The packet tunnel seam: a network interface of which this program is the other end. What the host
// sends into it comes here, and what is written here arrives at the host. Whole IP packets cross it,
// in batches of borrowed bytes with room around them, so that headers and seals go in place.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ip/address.hpp"
#include "util/bytes.hpp"
#include "util/result.hpp"

namespace hsfwd::net {

/// Bytes ahead of and behind each packet of on_packets that the receiver may overwrite as well. The
/// seal of a packet beside the streams takes 9 and 16; the rest is for the header of what carries it, and for whose it is.
inline constexpr std::size_t kTunnelHeadroom = 80;
inline constexpr std::size_t kTunnelTailroom = 32;
/// Bytes ahead of each packet of write() that the tunnel may overwrite: a virtio-net header, which
/// has 10 or 12, put in front.
inline constexpr std::size_t kTunnelWriteHeadroom = 16;
/// How many packets a batch of on_packets has at most: two of the largest bursts that a UDP socket sends.
inline constexpr std::size_t kMaxTunnelBatch = 128;

/// Bytes: what RFC 8200 asks of every link, and what RFC 791 asks of every host. The most is the length
/// field's.
inline constexpr std::size_t kMinMtuV6 = 1280;
inline constexpr std::size_t kMinMtuV4 = 576;
inline constexpr std::size_t kMaxMtu = 65535;
/// What interfaces' names have room for on every system that has such names.
inline constexpr std::size_t kMaxTunnelName = 15;

struct TunnelRoute {
  ip::Prefix to;
  /// Among routes to the same network the least wins. Without one it is kRouteMetric.
  std::optional<std::uint32_t> metric = std::nullopt;
  /// Also for packets with the tunnel's firewall mark, as if it had none.
  bool even_marked = false;
  bool operator==(const TunnelRoute&) const = default;
};

/// Above those of networks that the host is in itself: the direct way wins.
inline constexpr std::uint32_t kRouteMetric = 1024;

/// How many numbers are tried. More tunnels of this kind are on no host.
inline constexpr std::uint32_t kFirewallMarks = 16;

struct TunnelSettings {
  /// An interface of that name that waits for a program is used, else one is made. "%d" at the end
  /// stands for the first number that is free.
  std::string name = "hsfwd%d";
  std::size_t mtu = kMinMtuV6;
  std::vector<ip::InterfaceAddress> addresses;
  std::vector<TunnelRoute> routes;
  /// Not 0. Our own datagrams, all of the loop's, get this mark, and never take one of `routes` that is not
  /// `even_marked`, so that none is led into the tunnel that it carries. For other packets nothing is changed: the
  /// longest network wins, and of equal ones the host's own, but for its default route, which any of
  /// `routes` goes ahead of. One mark is one tunnel's, and a loop has one at a time: if somebody has it, the
  /// next that is free of kFirewallMarks is taken. Where it takes a privilege that we do not have, there
  /// is none, and all of `routes` are as if they were `even_marked`.
  std::optional<std::uint32_t> firewall_mark = std::nullopt;
  /// With a mark and routes to everything: nothing that is not marked leaves the host but by these routes, into private and local networks
  /// that it is in itself, and into those of `direct`, from the first open() or hold() with it until one without it, or the factory's end.
  /// That holds as well while there is no interface, because it was lost or could not be had, and after this process was killed, until the
  /// next tunnel is opened. One of another process is in the way. Without the privilege for a mark it is an error.
  bool kill_switch = false;
  /// With a kill switch: networks that packets leave to as if there were none. Of those that the host is in only private and local ones
  /// are such by themselves.
  std::vector<ip::Prefix> direct = {};
  /// Whether the host may hand over, and be given, TCP and UDP segments in one piece, where the
  /// implementation knows how: faster, and not every kernel is right about it.
  bool may_offload = true;
  /// Of that, whether the host may be given UDP in one piece. Tunnels of the host's own that lead through
  /// this one (VXLAN, Geneve) lose such datagrams on some kernels up to 6.8.
  bool may_coalesce_udp = true;
  bool operator==(const TunnelSettings&) const = default;
};

/// What is wrong with the settings, for people; empty if they can be tried.
std::string problem_with(const TunnelSettings& settings);
/// The same of another MTU for a tunnel of these settings.
std::string problem_with_mtu(const TunnelSettings& settings, std::size_t mtu);

class PacketTunnel;

class PacketTunnelObserver {
 public:
  virtual ~PacketTunnelObserver() = default;
  /// From the host: whatever its programs send, which need not be IP packets that make sense. Valid,
  /// with the room around them, until it returns. May write, pause, and destroy the tunnel through
  /// Scheduler::retire, which then tells nothing more.
  virtual void on_packets(PacketTunnel& tunnel, std::span<MutableBytes> packets) = 0;
  /// After a write that took less than it was given: there is room again. May come without reason.
  virtual void on_writable(PacketTunnel& tunnel) { static_cast<void>(tunnel); }
  /// The interface is gone, or was set down: nothing comes and nothing is taken any more. The last
  /// call. `reason` is one clause for people.
  virtual void on_tunnel_lost(PacketTunnel& tunnel, const std::string& reason) = 0;
};

/// Packets of the host that were dropped, since others were ahead of them.
struct TunnelDrops {
  std::uint64_t full = 0;  // as many as may wait
  std::uint64_t late = 0;  // CoDel
};

class PacketTunnel {
 public:
  /// The interface goes with it, if it was made for it, and with the interface its addresses and
  /// routes; of an interface that was there, those that were added. No observer call happens inside a
  /// call into the tunnel.
  virtual ~PacketTunnel() = default;
  /// The observer is called no more, see Scheduler::retire().
  virtual void cancel() = 0;

  virtual const std::string& name() const = 0;
  /// Bytes of the largest packet that the host sends. It may be changed from outside.
  virtual std::size_t mtu() const = 0;
  /// The error is one clause for people.
  virtual Result<void, std::string> set_mtu(std::size_t mtu) = 0;

  /// Gives packets to the host, from the front of `packets`, and returns how many were taken. Ahead of
  /// each are kTunnelWriteHeadroom bytes that may be overwritten, as may the packets; they are free
  /// again on return. Fewer than given means that the host has no room: on_writable follows. A packet
  /// that the host refuses for itself counts as taken, and is lost, as are all once the tunnel is.
  virtual std::size_t write(std::span<const MutableBytes> packets) = 0;

  /// No on_packets until resume_reading(). The host's queue fills meanwhile, and what is too much
  /// for it is lost there, which is how its TCP learns to slow down.
  virtual void pause_reading() = 0;
  virtual void resume_reading() = 0;

  /// Of what it has taken from the host; an implementation that takes only what it hands on has none.
  virtual TunnelDrops drops() const { return {}; }
};

/// Why there is no tunnel.
struct TunnelError {
  /// One line for people, which says what to do where that can be known.
  std::string text;
  /// This route of the settings, with its metric, is another interface's; nothing if it is not for that.
  std::optional<ip::Prefix> taken_route = std::nullopt;
};

class PacketTunnelFactory {
 public:
  virtual ~PacketTunnelFactory() = default;
  /// All of the settings are in effect when it returns, or nothing is left of them. `observer` outlives
  /// the tunnel.
  virtual Result<std::unique_ptr<PacketTunnel>, TunnelError> open(
      const TunnelSettings& settings, PacketTunnelObserver& observer) = 0;
  /// As far as the kill switch of the settings goes, without a tunnel: on ahead of one that cannot be had, or off. The error is one
  /// line for people.
  virtual Result<void, std::string> hold(const TunnelSettings& settings) {
    static_cast<void>(settings);
    return {};
  }
};

}  // namespace hsfwd::net
