// SPDX-License-Identifier: Apache-2.0
// What Linux's tunnels do beside the contract: what stands in the kernel and what is left there, and who
// may have one.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>

#include "platform/common/udp_options.hpp"
#include "platform/host_network.hpp"
#include "platform/kill_switch.hpp"
#include "platform/linux/netlink.hpp"
#include "platform/socket_marks.hpp"
#include "tunnel_place.hpp"
#include "unit/ip/packets.hpp"

using namespace hsfwd;
using namespace hsfwd::platform;

namespace {

constexpr std::uint32_t kMark = 0x6873;
const ip::Prefix kBehind = *ip::Prefix::parse("10.78.0.0/16");
const ip::Prefix kBehindV6 = *ip::Prefix::parse("fd78::/16");

net::TunnelSettings full_settings() {
  net::TunnelSettings settings = usual_settings();
  settings.name = "full0";
  settings.addresses.push_back(kHereV6);
  settings.routes = {{.to = kBehind}, {.to = kBehindV6, .metric = 7U}};
  settings.firewall_mark = kMark;
  return settings;
}

Netlink kernel() {
  auto netlink = Netlink::open();
  REQUIRE(netlink.ok());
  return std::move(*netlink);
}

/// Routes of a table, or to something.
template <class Holds>
std::vector<Netlink::Route> routes_where(const Holds& holds) {
  auto routes = kernel().routes();
  REQUIRE(routes.ok());
  std::erase_if(*routes, [&](const Netlink::Route& route) { return !holds(route); });
  return *routes;
}
std::vector<Netlink::Route> routes_of_mark() {
  return routes_where([](const Netlink::Route& route) { return route.table == kMark; });
}

std::size_t rules() {
  const auto found = kernel().rules();
  REQUIRE(found.ok());
  return found->size();
}

/// Gives up the right to change networks, for good.
void drop_net_admin() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  REQUIRE(syscall(SYS_capget, &header, data) == 0);
  data[0].effective &= ~(1U << CAP_NET_ADMIN);
  data[0].permitted &= ~(1U << CAP_NET_ADMIN);
  REQUIRE(syscall(SYS_capset, &header, data) == 0);
}

/// An interface that waits for a program of this user.
void make_persistent(const char* name) {
  const UniqueFd fd(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  ifreq request{};
  std::strcpy(request.ifr_name, name);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  REQUIRE(ioctl(fd.get(), TUNSETIFF, &request) == 0);
  REQUIRE(ioctl(fd.get(), TUNSETOWNER, geteuid()) == 0);
  REQUIRE(ioctl(fd.get(), TUNSETPERSIST, 1) == 0);
}

/// Which the kernel may take in one piece with others.
Bytes udp_packet_with_checksum(net::Address from, net::Address to, ByteView payload) {
  Bytes out = udp_packet(from, to, payload);
  const auto parsed = *ip::Packet::parse(out);
  const std::uint16_t sum = ip_test::slow_upper_checksum(parsed.addresses(), 17, parsed.upper());
  ip::store_be16(&out[26], sum == 0 ? 0xffff : sum);
  return out;
}

/// Why there is no tunnel.
std::string refusal(SystemTunnels& place, const net::TunnelSettings& settings) {
  TunnelRecorder recorder;
  const auto tunnel = place.tunnels().open(settings, recorder);
  return tunnel ? "none" : tunnel.error().text;
}

int all_in_the_kernel() {
  if (!tunnels_possible()) return kNotAllowed;
  SystemTunnels place;
  TunnelRecorder recorder;
  auto tunnel = opened(place.tunnels(), recorder, full_settings());
  const int interface = static_cast<int>(if_nametoindex("full0"));
  Netlink netlink = kernel();
  const auto link = netlink.link(interface);
  REQUIRE(link.ok());
  REQUIRE(link->name == "full0");
  REQUIRE(link->up);
  REQUIRE(link->mtu == 1400);
  // No others: no address that the kernel has made up.
  REQUIRE((*netlink.addresses(interface) == full_settings().addresses));
  REQUIRE((routes_of_mark() ==
           std::vector<Netlink::Route>{{kBehind, interface, net::kRouteMetric, kMark},
                                       {kBehindV6, interface, 7, kMark}}));
  REQUIRE(rules() == 4);
  tunnel.reset();
  REQUIRE(if_nametoindex("full0") == 0);
  REQUIRE(routes_of_mark().empty());
  REQUIRE(rules() == 0);
  return 0;
}

/// Starts a process that has a tunnel, and kills it.
void have_one_killed(const net::TunnelSettings& settings = full_settings()) {
  int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    SystemTunnels place;
    TunnelRecorder recorder;
    const auto tunnel = place.tunnels().open(settings, recorder);
    const char result = tunnel ? 1 : 0;
    if (write(pipe_ends[1], &result, 1) != 1) _exit(1);
    for (;;) pause();
  }
  char result = 0;
  const bool told = read(pipe_ends[0], &result, 1) == 1;
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  REQUIRE(told);
  REQUIRE(result == 1);
}

int killed() {
  if (!tunnels_possible()) return kNotAllowed;
  have_one_killed();
  REQUIRE(if_nametoindex("full0") == 0);
  REQUIRE(routes_where([](const Netlink::Route& route) {
            return route.table != RT_TABLE_LOCAL;
          }).empty());
  // They lead into an empty table, and the next tunnel takes them away, whatever its mark.
  REQUIRE(rules() == 4);
  SystemTunnels place;
  TunnelRecorder recorder;
  static_cast<void>(opened(place.tunnels(), recorder, usual_settings()));
  REQUIRE(rules() == 0);
  have_one_killed();
  static_cast<void>(opened(place.tunnels(), recorder, full_settings()));
  REQUIRE(rules() == 0);
  return 0;
}

int two_marks() {
  if (!tunnels_possible()) return kNotAllowed;
  SystemTunnels place;
  SystemTunnels of_another_process;
  TunnelRecorder recorder;
  const auto first = opened(place.tunnels(), recorder, full_settings());
  net::TunnelSettings settings = full_settings();
  settings.name = "full1";
  settings.addresses.clear();
  REQUIRE(refusal(place, settings) == "our own datagrams have the firewall mark of another tunnel");
  REQUIRE(if_nametoindex("full1") == 0);
  REQUIRE(rules() == 4);
  // One that is taken, by a tunnel or by a table that somebody else has made, or the system, is passed over.
  const auto mark_of_second = [&](std::uint32_t wanted) {
    settings.firewall_mark = wanted;
    const auto second = opened(of_another_process.tunnels(), recorder, settings);
    REQUIRE(rules() == 8);
    const auto found = routes_where([](const Netlink::Route& route) {
      return route.to == kBehind && route.interface == static_cast<int>(if_nametoindex("full1"));
    });
    REQUIRE(found.size() == 1);
    REQUIRE(of_another_process.loop.socket_marks().mark() == found[0].table);
    return found[0].table;
  };
  REQUIRE(mark_of_second(kMark) == kMark + 1);
  REQUIRE(rules() == 4);
  REQUIRE(run("ip route add 10.80.0.0/16 dev full0 table 52"));
  REQUIRE(mark_of_second(52) == 53);
  REQUIRE(mark_of_second(RT_TABLE_DEFAULT) == RT_TABLE_LOCAL + 1);
  for (std::uint32_t i = 1; i < net::kFirewallMarks; ++i) {
    REQUIRE(run("ip route add 10.80.0.0/16 dev full0 table " + std::to_string(kMark + i)));
  }
  settings.firewall_mark = kMark;
  REQUIRE(refusal(of_another_process, settings) ==
          "the firewall marks 0x6873 to 0x6882 are all other tunnels'");
  REQUIRE(rules() == 4);
  return 0;
}

int two_routes() {
  if (!tunnels_possible()) return kNotAllowed;
  SystemTunnels place;
  TunnelRecorder recorder;
  net::TunnelSettings settings = usual_settings();
  settings.name = "full0";
  settings.routes = {{.to = kBehind}};
  const auto first = opened(place.tunnels(), recorder, settings);
  settings.name = "full1";
  settings.addresses.clear();
  REQUIRE(refusal(place, settings) ==
          "there is a route to 10.78.0.0/16 of metric 1024 already through 'full0'");
  settings.routes[0].metric = 1025U;
  REQUIRE(opened(place.tunnels(), recorder, settings)->name() == "full1");
  return 0;
}

/// The tunnel's own datagrams never go into it; everybody else's do, unless the host is in the network.
int marked() {
  if (!tunnels_possible()) return kNotAllowed;
  REQUIRE(run("ip link add own0 type veth peer name own1 && ip link set own1 up"));
  REQUIRE(run("ip addr add 10.78.1.1/24 dev own0 && ip link set own0 up"));
  REQUIRE(run("ip route add default dev own0 && ip route add 10.0.0.0/8 dev own0"));
  SystemTunnels place;
  TunnelRecorder recorder;
  net::TunnelSettings settings = full_settings();
  settings.routes.push_back({.to = ip::Prefix::around_ipv4(0, 0)});
  const auto tunnel = opened(place.tunnels(), recorder, settings);
  const UniqueFd program = open_program({net::Ipv4::any(), 0});
  const UniqueFd ours = open_program({net::Ipv4::any(), 0});
  REQUIRE(setsockopt(ours.get(), SOL_SOCKET, SO_MARK, &kMark, sizeof kMark) == 0);
  const net::Address behind{net::Ipv4::of(10, 78, 9, 9), kThere.port};
  const net::Address anywhere{net::Ipv4::of(192, 0, 2, 1), kThere.port};
  const net::Address near{net::Ipv4::of(10, 78, 1, 9), kThere.port};
  for (const net::Address& to : {behind, anywhere, near}) say(ours, to, Bytes{1});
  say(program, near, Bytes{2});
  // The host has a longer route than the tunnel's, which has one that is longer still to elsewhere.
  say(program, {net::Ipv4::of(10, 79, 0, 1), kThere.port}, Bytes{5});
  say(program, anywhere, Bytes{3});
  say(program, behind, Bytes{4});
  REQUIRE(place.run_until([&] { return recorder.said().size() >= 2; }));
  REQUIRE((recorder.said() == std::vector<Bytes>{{3}, {4}}));
  return 0;
}

/// 0, or why the host has no way for a datagram.
int way_to(net::Address to, std::uint32_t mark = 0) {
  const UniqueFd program(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  REQUIRE(setsockopt(program.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0);
  const auto there = to_sockaddr(to);
  return connect(program.get(), reinterpret_cast<const sockaddr*>(&there), sizeof there) == 0
             ? 0
             : errno;
}

/// A process of an ordinary user that has bound the names of all marks' sockets.
pid_t take_names_as_nobody() {
  int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    bool done = setuid(65534) == 0;
    for (std::uint32_t i = 0; done && i < net::kFirewallMarks; ++i) {
      const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      const int size = std::snprintf(address.sun_path + 1, sizeof address.sun_path - 1,
                                     "hsfwd-mark-%#x", kMark + i);
      done = bind(fd, reinterpret_cast<const sockaddr*>(&address),
                  static_cast<socklen_t>(offsetof(sockaddr_un, sun_path)) + 1 +
                      static_cast<socklen_t>(size)) == 0;
    }
    const char result = done ? 1 : 0;
    if (write(pipe_ends[1], &result, 1) != 1) _exit(1);
    for (;;) pause();
  }
  char result = 0;
  REQUIRE(read(pipe_ends[0], &result, 1) == 1);
  REQUIRE(result == 1);
  return child;
}

// Of IPv4: five networks, the tunnel's, the last; of IPv6: two, the tunnel's, the last.
constexpr std::size_t kRulesOfKillSwitch = 11;

int kill_switch() {
  if (!tunnels_possible()) return kNotAllowed;
  REQUIRE(run("ip link add own0 type veth peer name own1 && ip link set own1 up"));
  REQUIRE(run("ip addr add 10.79.1.1/24 dev own0 && ip link set own0 up"));
  REQUIRE(run("ip route add default dev own0"));
  const net::Address near{net::Ipv4::of(10, 79, 1, 9), kThere.port};
  const net::Address anywhere{net::Ipv4::of(192, 0, 2, 1), kThere.port};
  net::TunnelSettings settings = full_settings();
  settings.routes.push_back({.to = ip::Prefix::around_ipv4(0, 0)});
  settings.routes.push_back({.to = ip::Prefix::around(ip::Ipv6::any(), 0)});
  settings.kill_switch = true;
  const auto holds = [&] {
    return way_to(anywhere) == ENETUNREACH && way_to(near) == 0 && way_to(anywhere, kMark) == 0;
  };
  REQUIRE(way_to(anywhere) == 0);
  {
    SystemTunnels place;
    TunnelRecorder recorder;
    auto tunnel = opened(place.tunnels(), recorder, settings);
    REQUIRE(place.loop.socket_marks().mark() == kMark);
    const UniqueFd program = open_program({net::Ipv4::any(), 0});
    say(program, anywhere, Bytes{1});
    say(program, near, Bytes{2});
    REQUIRE(place.run_until([&] { return !recorder.said().empty(); }));
    REQUIRE((recorder.said() == std::vector<Bytes>{{1}}));
    // Without the interface as well, and if it cannot be had.
    tunnel.reset();
    REQUIRE(holds());
    net::TunnelSettings refused = settings;
    refused.name = "own0";
    REQUIRE(!refusal(place, refused).empty());
    REQUIRE(holds());
    REQUIRE(place.loop.socket_marks().mark() == kMark);
    tunnel = opened(place.tunnels(), recorder, settings);
    REQUIRE(way_to(anywhere) == 0);
    // One without it ends it, also where there is none.
    tunnel.reset();
    tunnel = opened(place.tunnels(), recorder, full_settings());
    REQUIRE(way_to(anywhere) == 0);
    REQUIRE(rules() == 4);
    tunnel.reset();
    REQUIRE(place.tunnels().hold(settings).ok());
    REQUIRE(holds());
    REQUIRE(place.tunnels().hold(full_settings()).ok());
    REQUIRE(way_to(anywhere) == 0);
    tunnel = opened(place.tunnels(), recorder, settings);
    tunnel.reset();
    // One that is turned on while there is a tunnel with a mark, which ends then.
    tunnel = opened(place.tunnels(), recorder, full_settings());
    REQUIRE(place.loop.socket_marks().mark() == kMark);
    REQUIRE(place.tunnels().hold(settings).ok());
    REQUIRE(place.loop.socket_marks().mark() == kMark + 1);
    tunnel.reset();
    REQUIRE(place.loop.socket_marks().mark() == kMark + 1);
    REQUIRE(way_to(anywhere) == ENETUNREACH);
    tunnel = opened(place.tunnels(), recorder, full_settings());
    REQUIRE(place.loop.socket_marks().mark() == kMark);
    REQUIRE(way_to(anywhere) == 0);
    tunnel.reset();
    tunnel = opened(place.tunnels(), recorder, settings);
    tunnel.reset();
    // Whoever gives out addresses on the line makes routes as well; only those to private networks count, and what is named.
    REQUIRE(run("ip route add 192.0.2.0/24 dev own0"));
    REQUIRE(holds());
    net::TunnelSettings with_direct = settings;
    with_direct.direct = {*ip::Prefix::parse("192.0.2.0/24")};
    REQUIRE(place.tunnels().hold(with_direct).ok());
    REQUIRE(way_to(anywhere) == 0);
    REQUIRE(place.tunnels().hold(settings).ok());
    REQUIRE(holds());
    REQUIRE(run("ip route del 192.0.2.0/24 dev own0"));
    // A peer's network that is part of a direct one is the peer's.
    net::TunnelSettings around = settings;
    around.direct = {*ip::Prefix::parse("10.0.0.0/8"), *ip::Prefix::parse("10.0.0.0/8")};
    {
      TunnelRecorder hears;
      const auto another = opened(place.tunnels(), hears, around);
      say(program, {net::Ipv4::of(10, 78, 9, 9), kThere.port}, Bytes{3});
      REQUIRE(place.run_until([&] { return !hears.said().empty(); }));
      REQUIRE(way_to({net::Ipv4::of(10, 99, 9, 9), kThere.port}) == 0);
    }
    REQUIRE(place.tunnels().hold(settings).ok());
    REQUIRE(way_to({net::Ipv4::of(10, 99, 9, 9), kThere.port}) == ENETUNREACH);
    // Another one is in the way, and takes nothing away.
    SystemTunnels of_another_process;
    REQUIRE(refusal(of_another_process, settings) ==
            "another hsfwd on this machine sends everything through a peer already");
    net::TunnelSettings other = usual_settings();
    other.name = "other0";
    static_cast<void>(opened(of_another_process.tunnels(), recorder, other));
    REQUIRE(holds());
    REQUIRE(!kill_switch_left_behind());
    // Others clear away what they do not know.
    REQUIRE(run("ip rule flush protocol 104"));
    REQUIRE(run("ip -6 rule flush protocol 104"));
    REQUIRE(place.run_until(holds));
    REQUIRE(rules() == kRulesOfKillSwitch);
  }
  REQUIRE(way_to(anywhere) == 0);
  REQUIRE(rules() == 0);
  for (const bool again : {true, false}) {
    have_one_killed(settings);
    REQUIRE(if_nametoindex("full0") == 0);
    REQUIRE(holds());
    REQUIRE(kill_switch_left_behind());
    // An ordinary user's names are no sign of life.
    const pid_t squatter = take_names_as_nobody();
    REQUIRE(kill_switch_left_behind());
    kill(squatter, SIGKILL);
    waitpid(squatter, nullptr, 0);
    // A start that fails leaves it as it is.
    {
      SystemTunnels place;
      net::TunnelSettings refused = settings;
      refused.name = "own0";
      REQUIRE(!refusal(place, refused).empty());
    }
    REQUIRE(holds());
    SystemTunnels place;
    TunnelRecorder recorder;
    const auto tunnel = opened(place.tunnels(), recorder, again ? settings : usual_settings());
    REQUIRE(rules() == (again ? kRulesOfKillSwitch + 9 : 0));
  }
  REQUIRE(rules() == 0);
  // One that is found is not there for ever, though it never comes to a tunnel.
  have_one_killed(settings);
  {
    SystemTunnels place;
    REQUIRE(place.tunnels().hold(settings).ok());
    REQUIRE(place.tunnels().hold(full_settings()).ok());
    REQUIRE(way_to(anywhere) == 0);
    // What leads into an empty table stays until the next tunnel.
    REQUIRE(rules() == 9);
  }
  have_one_killed(settings);
  REQUIRE(lift_kill_switch().ok());
  REQUIRE(rules() == 0);
  REQUIRE(way_to(anywhere) == 0);
  settings.firewall_mark.reset();
  SystemTunnels place;
  REQUIRE(refusal(place, settings) == "a kill switch takes a firewall mark");
  settings.firewall_mark = kMark;
  drop_net_admin();
  REQUIRE(refusal(place, settings).find("to send everything through a peer takes CAP_NET_ADMIN") ==
          0);
  REQUIRE(place.loop.socket_marks().mark() == 0);
  return 0;
}

/// Of a process whose interface outlives it.
int killed_again_and_again() {
  if (!tunnels_possible()) return kNotAllowed;
  make_persistent("full0");
  for (std::uint32_t i = 0; i < net::kFirewallMarks + 2; ++i) have_one_killed();
  SystemTunnels place;
  TunnelRecorder recorder;
  const auto tunnel = opened(place.tunnels(), recorder, full_settings());
  REQUIRE(place.loop.socket_marks().mark() == kMark);
  REQUIRE(rules() == 4);
  return 0;
}

/// Whatever goes over an interface's line, as the other end of the line hears it.
class Line {
 public:
  explicit Line(const char* interface)
      : fd_(socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(ETH_P_IP);
    at.sll_ifindex = static_cast<int>(if_nametoindex(interface));
    REQUIRE(bind(fd_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
  }
  std::vector<Bytes> said() {
    std::uint8_t buffer[2048];
    for (;;) {
      const ssize_t size = recv(fd_.get(), buffer, sizeof buffer, 0);
      if (size < 0) return said_to(kThere.port, packets_);
      packets_.emplace_back(buffer, buffer + size);
    }
  }

 private:
  const UniqueFd fd_;
  std::vector<Bytes> packets_;
};

struct NobodyHears final : net::UdpObserver {
  void on_datagrams(net::UdpSocket&, std::span<net::InboundDatagram>) override {}
};

/// What carries the tunnel reaches a peer whose address is in what the tunnel leads to, by sockets of before and
/// of after it was made.
void own_datagrams_pass(std::unique_ptr<net::UdpFactory> (*make)(Loop&)) {
  Line line("own1");
  SystemTunnels place;
  const auto udp = make(place.loop);
  NobodyHears nobody;
  TunnelRecorder recorder;
  const auto early = udp->bind({net::Ipv4::any(), 0}, nobody);
  net::TunnelSettings settings = usual_settings();
  settings.routes = {{.to = ip::Prefix::around_ipv4(0, 1)},
                     {.to = ip::Prefix::around_ipv4(1U << 31, 1)}};
  settings.firewall_mark = kMark;
  auto tunnel = opened(place.tunnels(), recorder, settings);
  const auto late = udp->bind({net::Ipv4::any(), 0}, nobody);
  const UniqueFd program = open_program({net::Ipv4::any(), 0});
  const net::Address peer{net::Ipv4::of(192, 0, 2, 1), kThere.port};
  REQUIRE((*early)->send_one(peer, Bytes{1}) == 1);
  REQUIRE((*late)->send_one(peer, Bytes{2}) == 1);
  say(program, peer, Bytes{3});
  REQUIRE(place.run_until([&] { return line.said().size() + recorder.said().size() >= 3; }));
  REQUIRE((line.said() == std::vector<Bytes>{{1}, {2}}));
  REQUIRE((recorder.said() == std::vector<Bytes>{{3}}));
  // The line's, and not the tunnel's.
  REQUIRE((*early)->path_mtu(peer) == 1500);
  tunnel.reset();
  REQUIRE(rules() == 0);
  REQUIRE(routes_of_mark().empty());
  // Another one may mark them.
  settings.firewall_mark = kMark + 1;
  tunnel = opened(place.tunnels(), recorder, settings);
  REQUIRE((*early)->send_one(peer, Bytes{4}) == 1);
  REQUIRE(place.run_until([&] { return line.said().size() + recorder.said().size() >= 4; }));
  REQUIRE((line.said() == std::vector<Bytes>{{1}, {2}, {4}}));
}

int own_datagrams() {
  if (!tunnels_possible()) return kNotAllowed;
  REQUIRE(run("ip link add own0 type veth peer name own1 && ip link set own1 arp off up"));
  REQUIRE(run("ip link set own0 arp off up && ip addr add 10.90.0.1/24 dev own0"));
  REQUIRE(run("ip route add default dev own0"));
  own_datagrams_pass(make_udp_factory);
  own_datagrams_pass(make_plain_udp_factory);
  return 0;
}

/// A route that is everybody's is the main table's, and one that another tunnel has is refused there.
int even_marked() {
  if (!tunnels_possible()) return kNotAllowed;
  SystemTunnels place;
  SystemTunnels of_another_process;
  TunnelRecorder recorder;
  net::TunnelSettings settings = full_settings();
  settings.routes = {{.to = kBehind, .even_marked = true}, {.to = kBehindV6}};
  const auto tunnel = opened(place.tunnels(), recorder, settings);
  const int interface = static_cast<int>(if_nametoindex("full0"));
  REQUIRE((routes_where([](const Netlink::Route& route) { return route.to == kBehind; }) ==
           std::vector<Netlink::Route>{{kBehind, interface, net::kRouteMetric, RT_TABLE_MAIN}}));
  REQUIRE(routes_of_mark().size() == 1);
  REQUIRE(rules() == 2);
  settings.name = "full1";
  settings.addresses.clear();
  REQUIRE(refusal(of_another_process, settings) ==
          "there is a route to 10.78.0.0/16 of metric 1024 already through 'full0'");
  REQUIRE(of_another_process.loop.socket_marks().mark() == 0);
  REQUIRE(rules() == 2);
  return 0;
}

int without_privilege() {
  if (!tunnels_possible()) return kNotAllowed;
  make_persistent("mine0");
  SystemTunnels place;
  TunnelRecorder recorder;
  net::TunnelSettings settings = usual_settings();
  settings.name = "mine0";
  // Somebody who may gives it what it needs, and that is taken back again.
  settings.routes = {{.to = kBehind}};
  auto tunnel = opened(place.tunnels(), recorder, settings);
  tunnel.reset();
  const int interface = static_cast<int>(if_nametoindex("mine0"));
  REQUIRE(interface != 0);
  REQUIRE(kernel().addresses(interface)->empty());
  const auto through = [&](const Netlink::Route& route) { return route.interface == interface; };
  REQUIRE(routes_where(through).empty());

  REQUIRE(run("ip addr add 10.77.0.1/24 dev mine0"));
  REQUIRE(run("ip link set mine0 up mtu 1400"));
  REQUIRE(run("ip route add 10.78.0.0/16 dev mine0 metric 1024"));
  drop_net_admin();
  settings.firewall_mark = kMark;
  tunnel = opened(place.tunnels(), recorder, settings);
  REQUIRE(place.loop.socket_marks().mark() == 0);
  REQUIRE(rules() == 0);
  place.host_listens();
  place.host_sends("mine0", Bytes{1});
  REQUIRE(place.run_until([&] { return !recorder.said().empty(); }));
  tunnel.reset();
  REQUIRE(if_nametoindex("mine0") != 0);

  settings.mtu = 1300;
  REQUIRE(
      refusal(place, settings) ==
      "the MTU 1300 of the interface 'mine0' cannot be set without CAP_NET_ADMIN, unless it has "
      "that already");
  settings.mtu = 1400;
  settings.addresses.push_back(kHereV6);
  REQUIRE(refusal(place, settings).find("the address fd77::1/64 of the interface 'mine0'") == 0);
  settings.addresses.pop_back();
  settings.routes.push_back({.to = kBehindV6});
  REQUIRE(refusal(place, settings).find("the route to fd78::/16 of the interface 'mine0'") == 0);
  settings.name = "other%d";
  REQUIRE(refusal(place, settings) ==
          "to make a network interface takes CAP_NET_ADMIN: run with it, or make the interface for "
          "this user beforehand (ip tuntap add mode tun user 0 name other0)");
  return 0;
}

int what_the_host_allows() {
  if (!tunnels_possible()) return kNotAllowed;
  // Who has a network of its own has these for itself; where /proc is not to be written there is nothing to see.
  for (const auto& [file, forwards] :
       {std::pair{"/proc/sys/net/ipv4/ip_forward", &HostNetwork::forwards_ipv4},
        std::pair{"/proc/sys/net/ipv6/conf/all/forwarding", &HostNetwork::forwards_ipv6}}) {
    for (const int value : {1, 0}) {
      std::ofstream out(file);
      if (!(out << value << std::flush)) return kNotAllowed;
      REQUIRE(host_network("none%d").*forwards == (value == 1));
    }
  }
  REQUIRE(host_network("none%d").has_interface);
  make_persistent("mine0");
  drop_net_admin();
  REQUIRE(!host_network("none%d").has_interface);
  REQUIRE(host_network("mine%d").has_interface);
  REQUIRE(host_network("mine0").has_interface);
  REQUIRE(!host_network("mine1").has_interface);
  return 0;
}

int of_another_kind() {
  if (!tunnels_possible()) return kNotAllowed;
  SystemTunnels place;
  REQUIRE(refusal(place, {.name = "lo"}) ==
          "the interface 'lo' is not a TUN interface, and not for us to use");
  REQUIRE(if_nametoindex("lo") != 0);
  return 0;
}

int no_tun_device() {
  if (!tunnels_possible()) return kNotAllowed;
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("tmpfs", "/dev/net", "tmpfs", 0, nullptr) != 0) {
    return kNotAllowed;
  }
  SystemTunnels place;
  REQUIRE(refusal(place, usual_settings()).find("there is no /dev/net/tun: load the kernel's") ==
          0);
  return 0;
}

/// Half of the settings is nothing.
int nothing_half() {
  if (!tunnels_possible()) return kNotAllowed;
  REQUIRE(run("sysctl -w net.ipv6.conf.default.disable_ipv6=1"));
  SystemTunnels place;
  const std::string why = refusal(place, full_settings());
  // What the system calls it, and why it is so.
  REQUIRE(why.find("the address fd77::1/64 of the interface 'full0' cannot be set: ") == 0);
  REQUIRE(why.find("IPv6 is disabled on this device") != std::string::npos);
  REQUIRE(if_nametoindex("full0") == 0);
  return 0;
}

/// Whether the kernel leaves it to the interface's other end to cut TCP.
bool cuts_tcp(const std::string& name) {
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM, 0));
  ethtool_value value{.cmd = ETHTOOL_GTSO};
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&value);
  REQUIRE(ioctl(fd.get(), SIOCETHTOOL, &request) == 0);
  return value.data != 0;
}

int offload_in_the_kernel() {
  if (!tunnels_possible()) return kNotAllowed;
  SystemTunnels place;
  TunnelRecorder recorder;
  net::TunnelSettings settings = usual_settings();
  REQUIRE(cuts_tcp(opened(place.tunnels(), recorder, settings)->name()));
  settings.may_offload = false;
  REQUIRE_FALSE(cuts_tcp(opened(place.tunnels(), recorder, settings)->name()));

  // Of one that stays, nothing stays.
  settings.name = "mine0";
  for (const char* how : {"", "pi", "vnet_hdr"}) {
    REQUIRE(run(std::string("ip tuntap add mode tun name mine0 ") + how));
    for (const bool may_offload : {true, false, true}) {
      settings.may_offload = may_offload;
      auto tunnel = opened(place.tunnels(), recorder, settings);
      REQUIRE(cuts_tcp("mine0") == may_offload);
      tunnel.reset();
      REQUIRE_FALSE(cuts_tcp("mine0"));
    }
    REQUIRE(run("ip link del mine0"));
  }
  return 0;
}

/// Another program has set up the interface for itself: large headers, in the other byte order, little room.
void make_persistent_for_a_machine(const char* name) {
  make_persistent(name);
  const UniqueFd fd(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  ifreq request{};
  std::strcpy(request.ifr_name, name);
  request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
  REQUIRE(ioctl(fd.get(), TUNSETIFF, &request) == 0);
  const int size = 12;
  const int yes = 1;
  const int little = 1;
  REQUIRE(ioctl(fd.get(), TUNSETVNETHDRSZ, &size) == 0);
  ioctl(fd.get(), std::endian::native == std::endian::little ? TUNSETVNETBE : TUNSETVNETLE, &yes);
  REQUIRE(ioctl(fd.get(), TUNSETSNDBUF, &little) == 0);
  REQUIRE(ioctl(fd.get(), TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) == 0);
}

int after_another_program() {
  if (!tunnels_possible()) return kNotAllowed;
  make_persistent_for_a_machine("mine0");
  for (const bool may_offload : {true, false}) {
    SystemTunnels place;
    TunnelRecorder recorder;
    net::TunnelSettings settings = usual_settings();
    settings.name = "mine0";
    settings.may_offload = may_offload;
    const auto tunnel = opened(place.tunnels(), recorder, settings);
    place.host_listens();
    place.host_sends("mine0", Bytes{1});
    REQUIRE(place.run_until([&] { return !recorder.said().empty(); }));
    REQUIRE((recorder.said() == std::vector<Bytes>{{1}}));
    const std::vector<Bytes> packets(100, udp_packet(kThere, kHere, Bytes{2}));
    REQUIRE(tunnel->write(Outbound(packets).packets()) == packets.size());
    std::size_t heard = 0;
    REQUIRE(place.run_until([&] { return (heard += place.host_heard("mine0").size()) == 100; }));
  }
  return 0;
}

/// Datagrams with checksums, which the kernel takes in one piece, and hands over so.
int datagrams_in_one_piece() {
  if (!tunnels_possible()) return kNotAllowed;
  for (const bool together : {true, false}) {
    SystemTunnels place;
    TunnelRecorder recorder;
    net::TunnelSettings settings = usual_settings();
    settings.may_coalesce_udp = together;
    const auto tunnel = opened(place.tunnels(), recorder, settings);
    place.host_listens();
    std::vector<Bytes> says;
    std::vector<Bytes> packets;
    // Not more than a socket's queue has room for.
    for (std::uint8_t i = 0; i < 60; ++i) {
      says.emplace_back(i % 40 == 39 ? 500 : 1000, i);
      packets.push_back(udp_packet_with_checksum(kThere, kHere, says.back()));
    }
    REQUIRE(tunnel->write(Outbound(packets).packets()) == packets.size());
    std::vector<Bytes> heard;
    REQUIRE(place.run_until([&] {
      for (Bytes& bytes : place.host_heard("")) heard.push_back(std::move(bytes));
      return heard.size() >= says.size();
    }));
    REQUIRE((heard == says));

    // Older systems cut it themselves.
    const int size = 1000;
    if (setsockopt(place.program.get(), SOL_UDP, UDP_SEGMENT, &size, sizeof size) != 0) return 0;
    say(place.program, kThere, ip_test::pattern(20'500));
    REQUIRE(place.run_until([&] { return recorder.said().size() >= 21; }));
    Bytes all;
    for (const Bytes& payload : recorder.said()) append(all, payload);
    REQUIRE((all == ip_test::pattern(20'500)));
    for (const Bytes& packet : recorder.heard) {
      const auto parsed = ip::Packet::parse(packet);
      if (!parsed || !parsed->is_udp()) continue;
      const std::uint16_t rest =
          ip_test::slow_upper_checksum(parsed->addresses(), 17, parsed->upper());
      REQUIRE((rest == 0 || rest == 0xffff));
    }
    REQUIRE(recorder.rooms_hold);
  }
  return 0;
}

/// A line between two networks, each with a program at its end that knows nothing of it.
class JoinedTunnels final : public net::PacketTunnelObserver {
 public:
  void on_packets(net::PacketTunnel& tunnel, std::span<MutableBytes> packets) override {
    const bool from_first = &tunnel == tunnels[0].get();
    for (const MutableBytes packet : packets) {
      largest = std::max(largest, packet.size());
    }
    tunnels[from_first ? 1 : 0]->write(packets);
  }
  void on_tunnel_lost(net::PacketTunnel&, const std::string& reason) override { FAIL(reason); }

  std::unique_ptr<net::PacketTunnel> tunnels[2];
  std::size_t largest = 0;
};

UniqueFd tcp_socket() {
  return UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/// A whole stream through two kernels, by large packets or small ones on either side.
int a_stream_through_two(bool first_offloads, bool second_offloads) {
  if (!tunnels_possible()) return kNotAllowed;
  SystemTunnels place;
  JoinedTunnels line;
  net::TunnelSettings settings = usual_settings();
  settings.may_offload = first_offloads;
  line.tunnels[0] = opened(place.tunnels(), line, settings);
  const sockaddr_in here = to_sockaddr(kHere);
  const UniqueFd listener = tcp_socket();
  REQUIRE(bind(listener.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) == 0);
  REQUIRE(listen(listener.get(), 1) == 0);
  if (unshare(CLONE_NEWNET) != 0) return kNotAllowed;
  settings.may_offload = second_offloads;
  settings.addresses = {ip::InterfaceAddress::ipv4(kThere.host.value, 24)};
  line.tunnels[1] = opened(place.tunnels(), line, settings);
  const UniqueFd client = tcp_socket();
  REQUIRE(connect(client.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0);

  const Bytes all = ip_test::pattern(8'000'000);
  UniqueFd server;
  std::size_t sent = 0;
  Bytes came;
  REQUIRE(place.run_until([&] {
    if (!server) server.reset(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK));
    const ssize_t more = send(client.get(), &all[sent], all.size() - sent, MSG_NOSIGNAL);
    if (more > 0) sent += static_cast<std::size_t>(more);
    Bytes room(1 << 20);
    const ssize_t size = server ? recv(server.get(), room.data(), room.size(), 0) : 0;
    if (size > 0) append(came, ByteView(room).first(static_cast<std::size_t>(size)));
    return came.size() >= all.size();
  }));
  REQUIRE((came == all));
  REQUIRE(line.largest == 1400);
  return 0;
}
int stream_both() {
  return a_stream_through_two(true, true);
}
int stream_first() {
  return a_stream_through_two(true, false);
}
int stream_second() {
  return a_stream_through_two(false, true);
}

int netlink_changes() {
  if (!tunnels_possible()) return kNotAllowed;
  Netlink netlink = kernel();
  make_persistent("some0");
  make_persistent("some1");
  const int first = static_cast<int>(if_nametoindex("some0"));
  const int second = static_cast<int>(if_nametoindex("some1"));
  for (const int interface : {first, second}) REQUIRE(netlink.set_up(interface).ok());
  const auto to = [](int interface) { return Netlink::Route{kBehind, interface, 5, 1000}; };
  const auto present = [] {
    return routes_where([](const Netlink::Route& route) { return route.table == 1000; });
  };
  REQUIRE(netlink.add_route(to(first)).ok());
  const auto again = netlink.add_route(to(second));
  REQUIRE_FALSE(again.ok());
  REQUIRE(again.error().number == EEXIST);
  REQUIRE((present() == std::vector<Netlink::Route>{to(first)}));
  REQUIRE(netlink.replace_route(to(second)).ok());
  REQUIRE((present() == std::vector<Netlink::Route>{to(second)}));
  REQUIRE_FALSE(netlink.delete_route(to(first)).ok());
  REQUIRE(netlink.delete_route(to(second)).ok());
  REQUIRE(present().empty());

  REQUIRE(netlink.add_address(first, kHereV6).ok());
  REQUIRE(netlink.add_address(second, ip::InterfaceAddress::ipv4(kHere.host.value, 32)).ok());
  REQUIRE((*netlink.addresses(second) ==
           std::vector<ip::InterfaceAddress>{ip::InterfaceAddress::ipv4(kHere.host.value, 32)}));
  REQUIRE(netlink.delete_address(second, ip::InterfaceAddress::ipv4(kHere.host.value, 32)).ok());
  REQUIRE(netlink.addresses(second)->empty());

  // A rule of somebody else is none of ours.
  REQUIRE(run("ip rule add fwmark 9 lookup 1000"));
  const Netlink::Rule rule{true, 12345, 9, 1000, 15};
  REQUIRE(netlink.add_rule(rule).ok());
  REQUIRE_FALSE(netlink.add_rule(rule).ok());
  REQUIRE((*netlink.rules() == std::vector<Netlink::Rule>{rule}));
  REQUIRE(netlink.delete_rule(rule).ok());
  REQUIRE(netlink.rules()->empty());
  // Nor one of another form that says the same of where it comes from.
  REQUIRE(run("ip rule add iif lo fwmark 9 lookup 1000 protocol 104"));
  REQUIRE(netlink.rules()->empty());

  REQUIRE(netlink.link(99'999).error().number == ENODEV);
  return 0;
}

/// More of a list than one answer has room for.
int long_lists() {
  if (!tunnels_possible()) return kNotAllowed;
  Netlink netlink = kernel();
  make_persistent("some0");
  const int interface = static_cast<int>(if_nametoindex("some0"));
  REQUIRE(netlink.set_up(interface).ok());
  constexpr std::size_t kMany = 3000;
  for (std::uint32_t i = 0; i < kMany; ++i) {
    const auto to = ip::Prefix::around_ipv4(0x0a000000 + i * 256, 24);
    REQUIRE(netlink.add_route({to, interface, 1, 1000}).ok());
  }
  const auto through = [&](const Netlink::Route& route) { return route.table == 1000; };
  REQUIRE(routes_where(through).size() == kMany);
  REQUIRE(netlink.routes(1000)->size() == kMany);
  REQUIRE(netlink.add_route({kBehindV6, interface, 1, 1001}).ok());
  REQUIRE((*netlink.routes(1001) == std::vector<Netlink::Route>{{kBehindV6, interface, 1, 1001}}));
  REQUIRE(netlink.routes(1002)->empty());
  return 0;
}

}  // namespace

TEST_CASE("a tunnel's addresses, routes and rules are in the kernel, and go with it") {
  expect_success(all_in_the_kernel);
}

TEST_CASE("a kill switch holds without a tunnel, and after the process") {
  expect_success(kill_switch);
}

TEST_CASE("a process that is killed leaves no interface, address or route") {
  expect_success(killed);
}

TEST_CASE("however often a process is killed whose interface stays, it starts again") {
  expect_success(killed_again_and_again);
}

TEST_CASE("a firewall mark is one tunnel's, and the number of no table that others have") {
  expect_success(two_marks);
}

TEST_CASE("a route is one tunnel's") {
  expect_success(two_routes);
}

TEST_CASE("packets with the mark do not enter the tunnel, nor those to networks of the host") {
  expect_success(marked);
}

TEST_CASE("our own datagrams leave by the host's way where the tunnel leads to their target, too") {
  expect_success(own_datagrams);
}

TEST_CASE("a route for packets with the mark as well is as if there were none") {
  expect_success(even_marked);
}

TEST_CASE("an interface that has what it needs takes no privilege, and stays") {
  expect_success(without_privilege);
}

TEST_CASE("what a machine allows of a network is known without trying it") {
  expect_success(what_the_host_allows);
}

TEST_CASE("an interface of another kind is left alone") {
  expect_success(of_another_kind);
}

TEST_CASE("a machine without /dev/net/tun is told of") {
  expect_success(no_tun_device);
}

TEST_CASE("a tunnel that cannot have all it needs is not there at all") {
  expect_success(nothing_half);
}

TEST_CASE("what the kernel may hand over in one piece is set for as long as the tunnel lives") {
  expect_success(offload_in_the_kernel);
}

TEST_CASE("what a program before has set on an interface that stays is no matter") {
  expect_success(after_another_program);
}

TEST_CASE("datagrams that pass the kernel in one piece are those that were sent") {
  expect_success(datagrams_in_one_piece);
}

TEST_CASE("a stream passes two tunnels whole, whichever of them has large packets") {
  expect_success(stream_both);
  expect_success(stream_first);
  expect_success(stream_second);
}

TEST_CASE("netlink adds, replaces, deletes and lists, and says what is wrong") {
  expect_success(netlink_changes);
}

TEST_CASE("netlink lists what takes many answers") {
  expect_success(long_lists);
}
