// SPDX-License-Identifier: Apache-2.0
// Where tunnels are tested: a host with a tunnel, and a program on the host. Once for real, in a network
// of its own, and once simulated.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "own_network.hpp"
#include "platform/common/sockaddr.hpp"
#include "platform/packet_tunnels.hpp"
#include "platform/unique_fd.hpp"
#include "real_loop.hpp"
#include "sim/packet_tunnel.hpp"

namespace hsfwd::platform {

// The host has the first address on the tunnel, and somebody behind the tunnel the second.
inline constexpr net::Address kHere{net::Ipv4::of(10, 77, 0, 1), 4000};
inline constexpr net::Address kThere{net::Ipv4::of(10, 77, 0, 2), 4000};

inline constexpr ip::InterfaceAddress kHereV6{
    {{0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}, 64};

inline void put16(Bytes& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

inline void put32(Bytes& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}

/// Of IPv4, without a checksum of UDP, which may be left out.
inline Bytes udp_packet(net::Address from, net::Address to, ByteView payload) {
  Bytes out{0x45, 0};
  put16(out, 28 + payload.size());
  put32(out, 0);
  out.insert(out.end(), {64, 17, 0, 0});
  put32(out, from.host.value);
  put32(out, to.host.value);
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < 20; i += 2) {
    sum += static_cast<std::uint32_t>(out[i] << 8 | out[i + 1]);
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  out[10] = static_cast<std::uint8_t>(~sum >> 8);
  out[11] = static_cast<std::uint8_t>(~sum);
  put16(out, from.port);
  put16(out, to.port);
  put16(out, 8 + payload.size());
  put16(out, 0);
  append(out, payload);
  return out;
}

/// What packets to that port of any address say. A host also sends what nobody has asked it for.
inline std::vector<Bytes> said_to(std::uint16_t port, const std::vector<Bytes>& packets) {
  std::vector<Bytes> out;
  for (const Bytes& packet : packets) {
    if (packet.size() < 28 || packet[0] != 0x45 || packet[9] != 17) continue;
    if ((packet[22] << 8 | packet[23]) != port) continue;
    out.push_back(to_bytes(ByteView(packet).subspan(28)));
  }
  return out;
}

inline net::TunnelSettings usual_settings() {
  return {.mtu = 1400, .addresses = {ip::InterfaceAddress::ipv4(kHere.host.value, 24)}};
}

/// A socket of the host's program.
inline UniqueFd open_program(net::Address at) {
  UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const sockaddr_in address = to_sockaddr(at);
  REQUIRE(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

inline void say(const UniqueFd& program, net::Address to, ByteView payload) {
  const sockaddr_in address = to_sockaddr(to);
  REQUIRE(sendto(program.get(), payload.data(), payload.size(), 0,
                 reinterpret_cast<const sockaddr*>(&address),
                 sizeof address) == static_cast<ssize_t>(payload.size()));
}

inline bool run(const std::string& command) {
  return std::system(("(" + command + ") >/dev/null 2>/dev/null").c_str()) == 0;
}

/// Whether there can be tunnels at all.
inline bool tunnels_possible() {
  return access("/dev/net/tun", R_OK | W_OK) == 0 && run("ip link show lo");
}

struct SystemTunnels : RealLoop {
  /// In a child that has a network of its own, or not at all.
  static void expect_of(int (*body)()) { expect_success(body); }
  static bool possible() { return tunnels_possible(); }

  net::PacketTunnelFactory& tunnels() { return *factory; }
  Scheduler& scheduler() { return loop.scheduler(); }

  void host_sends(const std::string&, ByteView payload) { say(program, kThere, payload); }
  std::vector<Bytes> host_heard(const std::string&) {
    std::vector<Bytes> out;
    std::uint8_t buffer[2048];
    for (;;) {
      const ssize_t size = recv(program.get(), buffer, sizeof buffer, 0);
      if (size < 0) return out;
      out.emplace_back(buffer, buffer + size);
    }
  }
  void host_listens() {
    program.reset();
    program = open_program(kHere);
  }
  bool host_has(const std::string& name) { return run("ip link show " + name); }
  void host_deletes(const std::string& name) { REQUIRE(run("ip link del " + name)); }
  void host_sets_down(const std::string& name) { REQUIRE(run("ip link set down " + name)); }
  void host_sets_mtu(const std::string& name, std::size_t mtu) {
    REQUIRE(run("ip link set mtu " + std::to_string(mtu) + " " + name));
  }

  std::unique_ptr<net::PacketTunnelFactory> factory = make_packet_tunnel_factory(loop);
  UniqueFd program;
};

struct SimulatedTunnels {
  static void expect_of(int (*body)()) { CHECK(body() == 0); }
  static bool possible() { return true; }

  net::PacketTunnelFactory& tunnels() { return own; }
  Scheduler& scheduler() { return host.scheduler(); }
  bool run_until(const std::function<bool()>& holds) { return world.run_until(holds, 10_s); }

  void host_sends(const std::string& name, ByteView payload) {
    own.send(name, udp_packet(kHere, kThere, payload));
  }
  std::vector<Bytes> host_heard(const std::string& name) {
    return said_to(kHere.port, own.take_received(name));
  }
  void host_listens() {}
  bool host_has(const std::string& name) { return own.exists(name); }
  void host_deletes(const std::string& name) { own.lose(name, "the interface was deleted"); }
  void host_sets_down(const std::string& name) { own.lose(name, "the interface was set down"); }
  void host_sets_mtu(const std::string& name, std::size_t mtu) { own.set_mtu(name, mtu); }

  sim::World world{1};
  sim::Host& host = world.add_host(net::Ipv4::of(52, 0, 0, 1));
  sim::Tunnels own{host};
};

/// Writes down what comes, and what is made of the room around it.
struct TunnelRecorder final : net::PacketTunnelObserver {
  void on_packets(net::PacketTunnel& tunnel, std::span<MutableBytes> packets) override {
    ++calls;
    largest_batch = std::max(largest_batch, packets.size());
    const std::size_t before = heard.size();
    for (const MutableBytes packet : packets) heard.push_back(to_bytes(packet));
    std::uint8_t number = 0;
    for (const MutableBytes packet : packets) fill_room(packet, ++number);
    number = 0;
    for (std::size_t i = 0; i < packets.size(); ++i) {
      rooms_hold =
          rooms_hold && equal(packets[i], heard[before + i]) && has_room(packets[i], ++number);
    }
    if (then) then(tunnel);
  }
  void on_writable(net::PacketTunnel&) override {
    ++writable;
    if (on_room) on_room();
  }
  void on_tunnel_lost(net::PacketTunnel& tunnel, const std::string& why) override {
    ++losses;
    reason = why;
    if (on_loss) on_loss(tunnel);
  }
  std::vector<Bytes> said() const { return said_to(kThere.port, heard); }

  static MutableBytes ahead(MutableBytes packet) {
    return {packet.data() - net::kTunnelHeadroom, net::kTunnelHeadroom};
  }
  static MutableBytes behind(MutableBytes packet) {
    return {packet.data() + packet.size(), net::kTunnelTailroom};
  }
  static void fill_room(MutableBytes packet, std::uint8_t number) {
    for (const MutableBytes room : {ahead(packet), behind(packet)}) {
      std::fill(room.begin(), room.end(), number);
    }
  }
  static bool has_room(MutableBytes packet, std::uint8_t number) {
    const auto is_number = [number](std::uint8_t byte) { return byte == number; };
    const MutableBytes front = ahead(packet);
    const MutableBytes back = behind(packet);
    return std::all_of(front.begin(), front.end(), is_number) &&
           std::all_of(back.begin(), back.end(), is_number);
  }

  bool rooms_hold = true;  // each packet has all of its room for itself
  int calls = 0;
  std::size_t largest_batch = 0;
  std::vector<Bytes> heard;
  std::function<void(net::PacketTunnel&)> then;
  int writable = 0;
  std::function<void()> on_room;
  int losses = 0;
  std::string reason;
  std::function<void(net::PacketTunnel&)> on_loss;
};

inline std::unique_ptr<net::PacketTunnel> opened(net::PacketTunnelFactory& factory,
                                                 net::PacketTunnelObserver& observer,
                                                 const net::TunnelSettings& settings) {
  auto tunnel = factory.open(settings, observer);
  if (!tunnel) FAIL(tunnel.error().text);
  return std::move(*tunnel);
}

/// Packets in memory of their own, with the room that a tunnel may ask for ahead.
class Outbound {
 public:
  explicit Outbound(const std::vector<Bytes>& packets) {
    memory_.reserve(packets.size());
    for (const Bytes& packet : packets) {
      Bytes& room = memory_.emplace_back(net::kTunnelWriteHeadroom);
      append(room, packet);
      views_.push_back(MutableBytes(room).subspan(net::kTunnelWriteHeadroom));
    }
  }
  std::span<const MutableBytes> packets() const { return views_; }

 private:
  std::vector<Bytes> memory_;
  std::vector<MutableBytes> views_;
};

}  // namespace hsfwd::platform
