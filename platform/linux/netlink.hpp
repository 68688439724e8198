// SPDX-License-Identifier: Apache-2.0
// What is set and asked of the kernel's network through rtnetlink(7). Each call is answered within the
// call: the kernel handles a request while it is sent.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ip/address.hpp"
#include "platform/unique_fd.hpp"
#include "util/result.hpp"

struct nlmsghdr;

namespace hsfwd::platform {

struct NetlinkError {
  int number = 0;  // of errno
  std::string
      text;  // for people: what the system says of it, and the kernel's own words if it has some
};
template <class T>
using NetlinkResult = Result<T, NetlinkError>;

class Netlink {
 public:
  static NetlinkResult<Netlink> open();
  /// Of the network that the process was in which opened the socket, see open_netlink_socket.
  static NetlinkResult<Netlink> adopt(UniqueFd socket);

  struct Link {
    std::string name;
    std::size_t mtu = 0;
    bool up = false;
  };
  NetlinkResult<Link> link(int interface);
  NetlinkResult<int> index_of(const std::string& name);
  NetlinkResult<void> set_up(int interface);
  NetlinkResult<void> set_mtu(int interface, std::size_t mtu);
  /// No address is added by the kernel itself, and so no router looked for.
  NetlinkResult<void> set_no_automatic_addresses(int interface);

  NetlinkResult<std::vector<ip::InterfaceAddress>> addresses(int interface);
  NetlinkResult<void> add_address(int interface, const ip::InterfaceAddress& address);
  NetlinkResult<void> delete_address(int interface, const ip::InterfaceAddress& address);

  /// To a network behind an interface; there are no others here.
  struct Route {
    ip::Prefix to;
    int interface = 0;
    std::uint32_t metric = 0;
    std::uint32_t table = 0;
    bool ours = true;  // made by add_route, in whichever process

    auto operator<=>(const Route&) const = default;
  };
  /// All that lead to hosts or networks of others, of every table.
  NetlinkResult<std::vector<Route>> routes();
  NetlinkResult<std::vector<Route>> routes(std::uint32_t table);
  /// What this host takes for itself: its addresses, those of broadcasts in its networks, and anycast.
  NetlinkResult<std::vector<ip::Prefix>> local_networks();
  NetlinkResult<void> add_route(const Route& route);
  NetlinkResult<void> replace_route(const Route& route);
  NetlinkResult<void> delete_route(const Route& route);

  /// Packets without the mark look into the table, or, if it is 0, go nowhere. With `to` those to there which have none of the mark's
  /// bits: of more than one condition only all can be inverted.
  struct Rule {
    bool is_v6 = false;
    std::uint32_t priority = 0;  // the least is asked first
    std::uint32_t not_mark = 0;
    std::uint32_t table = 0;
    // Its routes to networks of up to this length are passed over: 0 is of the default route alone.
    std::optional<std::uint32_t> passed_over = std::nullopt;
    std::optional<ip::Prefix> to = std::nullopt;

    auto operator<=>(const Rule&) const = default;
  };
  /// Those that add_rule has added, in whichever process.
  NetlinkResult<std::vector<Rule>> rules();
  NetlinkResult<void> add_rule(const Rule& rule);
  NetlinkResult<void> delete_rule(const Rule& rule);

  /// See user_of_socket.
  NetlinkResult<std::optional<std::uint32_t>> user_of_unix_socket(std::string_view name);

 private:
  struct Request;
  using OnMessage = std::function<void(const nlmsghdr&)>;

  explicit Netlink(UniqueFd fd);
  /// Sends it, and gives each message of the answer to `on_message`.
  NetlinkResult<void> exchange(Request& request, const OnMessage& on_message = {});
  template <class Value, class Read>
  NetlinkResult<std::vector<Value>> list(Request& request, Read read);
  NetlinkResult<void> change_route(std::uint16_t type, std::uint16_t flags, const Route& route);
  NetlinkResult<void> change_rule(std::uint16_t type, std::uint16_t flags, const Rule& rule);
  NetlinkResult<void> change_address(std::uint16_t type, std::uint16_t flags, int interface,
                                     const ip::InterfaceAddress& address);

  UniqueFd fd_;
  std::uint32_t sequence_ = 0;
  bool interrupted_ = false;  // what the last answer told of has changed meanwhile
  std::unique_ptr<std::uint8_t[]> answer_;
};

/// Of which user the unix socket of that name in this network is. Nothing if there is none, or that is not told (before Linux 5.3).
NetlinkResult<std::optional<std::uint32_t>> user_of_socket(std::string_view name);
/// For Netlink::adopt.
UniqueFd open_netlink_socket();

}  // namespace hsfwd::platform
