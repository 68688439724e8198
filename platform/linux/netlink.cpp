// SPDX-License-Identifier: Apache-2.0
#include "platform/linux/netlink.hpp"

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <optional>
#include <string_view>
#include <system_error>

#include "platform/linux/netlink_message.hpp"
#include "platform/posix/socket.hpp"

namespace hsfwd::platform {

namespace {

constexpr std::size_t kRequest = 512;  // a header and a dozen attributes of 20 bytes at most
constexpr int kListAttempts = 10;      // of a list that changes all the time
// Who has made a route or a rule, as `ip route` and `ip rule` show it: a number that no routing
// daemon has in rt_protos of iproute2.
constexpr std::uint8_t kProtocol = 104;

// Linux 5.3; headers may be older.
constexpr std::uint32_t kShowUser = 0x40;  // UDIAG_SHOW_UID
constexpr int kUser = 7;                   // UNIX_DIAG_UID

NetlinkError error_of(int number, const std::string& words = {}) {
  std::string text = std::system_category().message(number);
  if (!words.empty()) text += " (" + words + ")";
  return {number, text};
}

int family_of(bool is_v6) {
  return is_v6 ? AF_INET6 : AF_INET;
}

/// An address as messages have it: 4 bytes or 16.
ByteView bytes_of(const ip::Ipv6& host, bool ipv4) {
  return ByteView(host.bytes).subspan(ipv4 ? 12 : 0);
}

/// Of the family of `into`. False for what is none: IPv6 addresses that stand for IPv4 hosts here, too.
bool put_address(const nlattr& attribute, ip::Ipv6& into) {
  const ByteView bytes = payload_of(attribute);
  if (bytes.size() != bytes_of(into, into.is_mapped()).size()) return false;
  ip::Ipv6 found = into;
  copy_bytes(bytes, MutableBytes(found.bytes).last(bytes.size()));
  if (found.is_mapped() != into.is_mapped()) return false;
  into = found;
  return true;
}

/// All of a family: 0.0.0.0 or ::, and the length, as `ip` has them.
ip::Ipv6 any_host(std::uint8_t family) {
  return family == AF_INET ? ip::Ipv6::mapped(0) : ip::Ipv6::any();
}
std::uint8_t bits_of(std::uint8_t family, std::uint8_t length) {
  return static_cast<std::uint8_t>(family == AF_INET ? ip::Prefix::kIpv4Bits + length : length);
}

/// What is behind an acknowledgement, or an error: the kernel's own words.
std::string words_of(const nlmsghdr& message, const nlmsgerr& error) {
  std::string words;
  if ((message.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return words;
  std::size_t offset = sizeof error;
  if ((message.nlmsg_flags & NLM_F_CAPPED) == 0) offset += error.msg.nlmsg_len - sizeof error.msg;
  each_attribute(message, MNL_ALIGN(offset), [&words](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) != NLMSGERR_ATTR_MSG) return;
    const std::string_view text = as_text(payload_of(attribute));
    words = text.substr(0, text.find('\0'));
  });
  return words;
}

/// A list that cannot be told, or not to its end, says so there.
NetlinkResult<void> done_of(const nlmsghdr& message) {
  const ByteView payload(static_cast<const std::uint8_t*>(mnl_nlmsg_get_payload(&message)),
                         mnl_nlmsg_get_payload_len(&message));
  int error = 0;
  if (payload.size() >= sizeof error) std::memcpy(&error, payload.data(), sizeof error);
  if (error < 0) return Err(error_of(-error));
  return {};
}

// --- What a list is made of; nothing if it is no matter ---

std::optional<ip::InterfaceAddress> address_of(const nlmsghdr& message, int interface) {
  const auto* head = head_of<ifaddrmsg>(message, RTM_NEWADDR);
  if (head == nullptr || head->ifa_index != static_cast<unsigned>(interface)) return std::nullopt;
  ip::InterfaceAddress address{any_host(head->ifa_family),
                               bits_of(head->ifa_family, head->ifa_prefixlen)};
  // The other one, of IPv4, is the address at the other end of a line.
  const int wanted = address.is_ipv4() ? IFA_LOCAL : IFA_ADDRESS;
  bool known = false;
  each_attribute(message, sizeof *head, [&](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) == wanted) known = put_address(attribute, address.host);
  });
  return known ? std::optional(address) : std::nullopt;
}

std::optional<Netlink::Route> route_of(const nlmsghdr& message) {
  const auto* head = head_of<rtmsg>(message, RTM_NEWROUTE);
  if (head == nullptr || head->rtm_type != RTN_UNICAST) return std::nullopt;
  if (head->rtm_family != AF_INET && head->rtm_family != AF_INET6) return std::nullopt;
  Netlink::Route route{
      .to = {any_host(head->rtm_family), bits_of(head->rtm_family, head->rtm_dst_len)},
      .table = head->rtm_table,
      .ours = head->rtm_protocol == kProtocol};
  bool known = true;  // the default route has no destination
  each_attribute(message, sizeof *head, [&](const nlattr& attribute) {
    const int type = mnl_attr_get_type(&attribute);
    if (type == RTA_DST) known = put_address(attribute, route.to.host);
    if (type == RTA_OIF) route.interface = static_cast<int>(number_of(attribute));
    if (type == RTA_PRIORITY) route.metric = number_of(attribute);
    if (type == RTA_TABLE) route.table = number_of(attribute);
  });
  return known ? std::optional(route) : std::nullopt;
}

std::optional<ip::Prefix> local_network_of(const nlmsghdr& message) {
  const auto* head = head_of<rtmsg>(message, RTM_NEWROUTE);
  if (head == nullptr) return std::nullopt;
  if (head->rtm_family != AF_INET && head->rtm_family != AF_INET6) return std::nullopt;
  if (head->rtm_type != RTN_LOCAL && head->rtm_type != RTN_BROADCAST &&
      head->rtm_type != RTN_ANYCAST) {
    return std::nullopt;
  }
  ip::Prefix network{any_host(head->rtm_family), bits_of(head->rtm_family, head->rtm_dst_len)};
  bool known = false;
  each_attribute(message, sizeof *head, [&](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) == RTA_DST) known = put_address(attribute, network.host);
  });
  return known ? std::optional(network) : std::nullopt;
}

/// All ones are none.
std::optional<std::uint32_t> passed_over_of(std::uint32_t length) {
  return length <= ip::Prefix::kBits ? std::optional(length) : std::nullopt;
}

/// One of those that change_rule makes, and of no other form that somebody may have given the same mark of
/// origin.
std::optional<Netlink::Rule> rule_of(const nlmsghdr& message) {
  const auto* head = head_of<fib_rule_hdr>(message, RTM_NEWRULE);
  if (head == nullptr || (head->family != AF_INET && head->family != AF_INET6)) return std::nullopt;
  // Not the mark; or no bit of it, and a destination.
  const bool inverted = head->flags == FIB_RULE_INVERT;
  if (!inverted && (head->flags != 0 || head->dst_len == 0)) return std::nullopt;
  if (inverted && head->dst_len != 0) return std::nullopt;
  const bool leads = head->action == FR_ACT_TO_TBL;
  if (!leads && head->action != FR_ACT_UNREACHABLE) return std::nullopt;
  if (head->src_len != 0 || head->tos != 0) return std::nullopt;
  Netlink::Rule rule{.is_v6 = head->family == AF_INET6, .table = leads ? head->table : 0U};
  bool ours = false;
  bool exact = false;  // a mark that must be there
  if (head->dst_len != 0) {
    rule.to = ip::Prefix{any_host(head->family), bits_of(head->family, head->dst_len)};
  }
  each_attribute(message, sizeof *head, [&](const nlattr& attribute) {
    const int type = mnl_attr_get_type(&attribute);
    if (type == FRA_DST && rule.to) put_address(attribute, rule.to->host);
    if (type == FRA_PRIORITY) rule.priority = number_of(attribute);
    if (type == (inverted ? FRA_FWMARK : FRA_FWMASK)) rule.not_mark = number_of(attribute);
    if (type == FRA_FWMARK && !inverted) exact = number_of(attribute) != 0;
    if (type == FRA_TABLE && leads) rule.table = number_of(attribute);
    if (type == FRA_SUPPRESS_PREFIXLEN) rule.passed_over = passed_over_of(number_of(attribute));
    if (type == FRA_PROTOCOL) ours = equal(payload_of(attribute), ByteView(&kProtocol, 1));
  });
  return ours && !exact && rule.not_mark != 0 ? std::optional(rule) : std::nullopt;
}

}  // namespace

/// A message in the making.
struct Netlink::Request {
  Request(std::uint16_t type, std::uint16_t flags) : header(mnl_nlmsg_put_header(bytes)) {
    header->nlmsg_type = type;
    header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  }
  /// Once, ahead of the attributes.
  template <class Head>
  Head& head() {
    return *static_cast<Head*>(mnl_nlmsg_put_extra_header(header, sizeof(Head)));
  }
  void put(int type, ByteView value) {
    mnl_attr_put(header, static_cast<std::uint16_t>(type), value.size(), value.data());
  }
  void put(int type, std::uint32_t value) {
    mnl_attr_put_u32(header, static_cast<std::uint16_t>(type), value);
  }
  bool is_dump() const { return (header->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP; }

  // What fills up between attributes is sent as well.
  alignas(nlmsghdr) std::uint8_t bytes[kRequest]{};
  nlmsghdr* header;
};

Netlink::Netlink(UniqueFd fd) : fd_(std::move(fd)), answer_(new std::uint8_t[kNetlinkAnswer]) {}

UniqueFd open_netlink_socket() {
  return open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
}

NetlinkResult<Netlink> Netlink::open() {
  return adopt(open_netlink_socket());
}

NetlinkResult<Netlink> Netlink::adopt(UniqueFd fd) {
  if (!fd) return Err(error_of(errno));
  // Without these, errors are numbers only.
  const int on = 1;
  setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  // A machine may have very many routes: only those of a table, where only they are asked for.
  setsockopt(fd.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  return Netlink(std::move(fd));
}

NetlinkResult<void> Netlink::exchange(Request& request, const OnMessage& on_message) {
  request.header->nlmsg_seq = ++sequence_;
  interrupted_ = false;
  if (!request.is_dump()) request.header->nlmsg_flags |= NLM_F_ACK;
  const ByteView bytes(request.bytes, request.header->nlmsg_len);
  if (send_bytes(fd_.get(), bytes) < 0) return Err(error_of(errno));
  for (;;) {
    const ssize_t size = recv(fd_.get(), answer_.get(), kNetlinkAnswer, MSG_TRUNC);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Err(error_of(errno));
    if (static_cast<std::size_t>(size) > kNetlinkAnswer) return Err(error_of(EMSGSIZE));
    int left = static_cast<int>(size);
    for (auto* message = reinterpret_cast<const nlmsghdr*>(answer_.get());
         mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_seq != sequence_) continue;  // of a request that was given up
      if ((message->nlmsg_flags & NLM_F_DUMP_INTR) != 0) interrupted_ = true;
      if (message->nlmsg_type == NLMSG_DONE) return done_of(*message);
      if (const auto* end = head_of<nlmsgerr>(*message, NLMSG_ERROR)) {
        if (end->error == 0) return {};
        return Err(error_of(-end->error, words_of(*message, *end)));
      }
      if (on_message) on_message(*message);
    }
  }
}

/// What changed while it was told of is told of again.
template <class Value, class Read>
NetlinkResult<std::vector<Value>> Netlink::list(Request& request, Read read) {
  for (int attempt = 0; attempt < kListAttempts; ++attempt) {
    std::vector<Value> found;
    const auto done = exchange(request, [&](const nlmsghdr& message) {
      if (const auto value = read(message)) found.push_back(*value);
    });
    if (!done) return Err(done.error());
    if (!interrupted_) return found;
  }
  return Err(error_of(EAGAIN));
}

// --- Links ---

NetlinkResult<Netlink::Link> Netlink::link(int interface) {
  Request request(RTM_GETLINK, 0);
  request.head<ifinfomsg>().ifi_index = interface;
  Link link;
  const auto done = exchange(request, [&link](const nlmsghdr& message) {
    const auto* head = head_of<ifinfomsg>(message, RTM_NEWLINK);
    if (head == nullptr) return;
    link.up = (head->ifi_flags & IFF_UP) != 0;
    each_attribute(message, sizeof *head, [&link](const nlattr& attribute) {
      const int type = mnl_attr_get_type(&attribute);
      if (type == IFLA_MTU) link.mtu = number_of(attribute);
      if (type != IFLA_IFNAME) return;
      const std::string_view name = as_text(payload_of(attribute));
      link.name = name.substr(0, name.find('\0'));
    });
  });
  if (!done) return Err(done.error());
  return link;
}

NetlinkResult<int> Netlink::index_of(const std::string& name) {
  ifreq request{};
  if (name.size() >= sizeof request.ifr_name) return Err(error_of(ENODEV));
  name.copy(request.ifr_name, name.size());
  // Any socket answers, for the network that it is of.
  if (ioctl(fd_.get(), SIOCGIFINDEX, &request) != 0) return Err(error_of(errno));
  return request.ifr_ifindex;
}

NetlinkResult<void> Netlink::set_up(int interface) {
  Request request(RTM_NEWLINK, 0);
  auto& head = request.head<ifinfomsg>();
  head.ifi_index = interface;
  head.ifi_flags = head.ifi_change = IFF_UP;
  return exchange(request);
}

NetlinkResult<void> Netlink::set_mtu(int interface, std::size_t mtu) {
  Request request(RTM_NEWLINK, 0);
  request.head<ifinfomsg>().ifi_index = interface;
  request.put(IFLA_MTU, static_cast<std::uint32_t>(mtu));
  return exchange(request);
}

NetlinkResult<void> Netlink::set_no_automatic_addresses(int interface) {
  Request request(RTM_NEWLINK, 0);
  request.head<ifinfomsg>().ifi_index = interface;
  nlattr* families = mnl_attr_nest_start(request.header, IFLA_AF_SPEC);
  nlattr* v6 = mnl_attr_nest_start(request.header, AF_INET6);
  mnl_attr_put_u8(request.header, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
  mnl_attr_nest_end(request.header, v6);
  mnl_attr_nest_end(request.header, families);
  return exchange(request);
}

// --- Addresses ---

NetlinkResult<std::vector<ip::InterfaceAddress>> Netlink::addresses(int interface) {
  Request request(RTM_GETADDR, NLM_F_DUMP);
  request.head<ifaddrmsg>().ifa_family = AF_UNSPEC;
  return list<ip::InterfaceAddress>(
      request, [interface](const nlmsghdr& message) { return address_of(message, interface); });
}

NetlinkResult<void> Netlink::change_address(std::uint16_t type, std::uint16_t flags, int interface,
                                            const ip::InterfaceAddress& address) {
  Request request(type, flags);
  auto& head = request.head<ifaddrmsg>();
  head.ifa_family = static_cast<std::uint8_t>(family_of(!address.is_ipv4()));
  head.ifa_prefixlen = static_cast<std::uint8_t>(address.length());
  head.ifa_index = static_cast<unsigned>(interface);
  // Nobody else is on the line who could have it: it can be used at once.
  head.ifa_flags = address.is_ipv4() ? 0 : IFA_F_NODAD;
  const ByteView bytes = bytes_of(address.host, address.is_ipv4());
  request.put(IFA_LOCAL, bytes);
  request.put(IFA_ADDRESS, bytes);
  return exchange(request);
}

NetlinkResult<void> Netlink::add_address(int interface, const ip::InterfaceAddress& address) {
  return change_address(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, interface, address);
}

NetlinkResult<void> Netlink::delete_address(int interface, const ip::InterfaceAddress& address) {
  return change_address(RTM_DELADDR, 0, interface, address);
}

// --- Routes ---

NetlinkResult<std::vector<Netlink::Route>> Netlink::routes() {
  Request request(RTM_GETROUTE, NLM_F_DUMP);
  request.head<rtmsg>().rtm_family = AF_UNSPEC;
  return list<Route>(request, route_of);
}

NetlinkResult<std::vector<Netlink::Route>> Netlink::routes(std::uint32_t table) {
  std::vector<Route> found;
  // Of one family each: a table that is there for the other only is an error otherwise.
  for (const int family : {AF_INET, AF_INET6}) {
    Request request(RTM_GETROUTE, NLM_F_DUMP);
    request.head<rtmsg>().rtm_family = static_cast<std::uint8_t>(family);
    request.put(RTA_TABLE, table);
    const auto routes = list<Route>(request, route_of);
    if (!routes && routes.error().number == ENOENT) continue;
    if (!routes) return Err(routes.error());
    // Kernels before 4.20 tell of all tables.
    std::copy_if(routes->begin(), routes->end(), std::back_inserter(found),
                 [table](const Route& route) { return route.table == table; });
  }
  return found;
}

NetlinkResult<std::vector<ip::Prefix>> Netlink::local_networks() {
  Request request(RTM_GETROUTE, NLM_F_DUMP);
  request.head<rtmsg>().rtm_family = AF_UNSPEC;
  return list<ip::Prefix>(request, local_network_of);
}

NetlinkResult<void> Netlink::change_route(std::uint16_t type, std::uint16_t flags,
                                          const Route& route) {
  Request request(type, flags);
  auto& head = request.head<rtmsg>();
  head.rtm_family = static_cast<std::uint8_t>(family_of(!route.to.is_ipv4()));
  head.rtm_dst_len = static_cast<std::uint8_t>(route.to.length());
  head.rtm_protocol = kProtocol;
  head.rtm_scope = type == RTM_DELROUTE ? RT_SCOPE_NOWHERE : RT_SCOPE_LINK;
  head.rtm_type = RTN_UNICAST;
  request.put(RTA_DST, bytes_of(route.to.host, route.to.is_ipv4()));
  request.put(RTA_OIF, static_cast<std::uint32_t>(route.interface));
  request.put(RTA_PRIORITY, route.metric);
  request.put(RTA_TABLE, route.table);
  return exchange(request);
}

NetlinkResult<void> Netlink::add_route(const Route& route) {
  return change_route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route);
}

NetlinkResult<void> Netlink::replace_route(const Route& route) {
  return change_route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route);
}

NetlinkResult<void> Netlink::delete_route(const Route& route) {
  return change_route(RTM_DELROUTE, 0, route);
}

// --- Rules ---

NetlinkResult<std::vector<Netlink::Rule>> Netlink::rules() {
  Request request(RTM_GETRULE, NLM_F_DUMP);
  request.head<fib_rule_hdr>().family = AF_UNSPEC;
  return list<Rule>(request, rule_of);
}

NetlinkResult<void> Netlink::change_rule(std::uint16_t type, std::uint16_t flags,
                                         const Rule& rule) {
  Request request(type, flags);
  auto& head = request.head<fib_rule_hdr>();
  head.family = static_cast<std::uint8_t>(family_of(rule.is_v6));
  head.action = rule.table != 0 ? FR_ACT_TO_TBL : FR_ACT_UNREACHABLE;
  if (rule.to) {
    head.dst_len = static_cast<std::uint8_t>(rule.to->length());
    request.put(FRA_DST, bytes_of(rule.to->host, rule.to->is_ipv4()));
    request.put(FRA_FWMARK, std::uint32_t{0});
    request.put(FRA_FWMASK, rule.not_mark);
  } else {
    head.flags = FIB_RULE_INVERT;
    request.put(FRA_FWMARK, rule.not_mark);
  }
  request.put(FRA_PRIORITY, rule.priority);
  if (rule.table != 0) request.put(FRA_TABLE, rule.table);
  if (rule.passed_over) request.put(FRA_SUPPRESS_PREFIXLEN, *rule.passed_over);
  request.put(FRA_PROTOCOL, ByteView(&kProtocol, 1));
  return exchange(request);
}

NetlinkResult<void> Netlink::add_rule(const Rule& rule) {
  return change_rule(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule);
}

NetlinkResult<void> Netlink::delete_rule(const Rule& rule) {
  return change_rule(RTM_DELRULE, 0, rule);
}

// --- Sockets ---

NetlinkResult<std::optional<std::uint32_t>> user_of_socket(std::string_view name) {
  auto netlink = Netlink::adopt(open_socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG));
  if (!netlink) return Err(netlink.error());
  return netlink->user_of_unix_socket(name);
}

NetlinkResult<std::optional<std::uint32_t>> Netlink::user_of_unix_socket(std::string_view name) {
  Request request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
  auto& head = request.head<unix_diag_req>();
  head.sdiag_family = AF_UNIX;
  head.udiag_states = ~std::uint32_t{0};
  head.udiag_show = UDIAG_SHOW_NAME | kShowUser;
  std::optional<std::uint32_t> found;
  const auto done = exchange(request, [&](const nlmsghdr& message) {
    const auto* socket = head_of<unix_diag_msg>(message, SOCK_DIAG_BY_FAMILY);
    if (socket == nullptr) return;
    bool is_it = false;
    std::optional<std::uint32_t> user;
    each_attribute(message, sizeof *socket, [&](const nlattr& attribute) {
      const int type = mnl_attr_get_type(&attribute);
      if (type == UNIX_DIAG_NAME) is_it = as_text(payload_of(attribute)) == name;
      if (type == kUser) user = number_of(attribute);
    });
    if (is_it && user) found = user;
  });
  if (!done) return Err(done.error());
  return found;
}

}  // namespace hsfwd::platform
