// SPDX-License-Identifier: Apache-2.0
#include "cli/connect_kind.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "cli/peer_tunnel.hpp"
#include "cli/planner.hpp"
#include "cli/port_ranges.hpp"
#include "cli/rates.hpp"
#include "cli/table.hpp"
#include "cli/targets.hpp"
#include "cli/udp_idle.hpp"
#include "cli/udp_tunnel.hpp"
#include "platform/standard_streams.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

// Of the table.
constexpr std::size_t kAddressColumn = 0;
constexpr std::size_t kPeerColumn = 1;

constexpr config::Key kKeysOfConnect[] = {
    {.name = "peer", .needed = "a peer: its key, or a name from [peer.NAME]"},
    {.name = "listen",
     .type = config::Key::Type::kTexts,
     .needed = "listen, such as listen = [\"2222\"]"},
    // Of the unix sockets among them
    {.name = "socket_mode"},
    {.name = "socket_group"},
    // Of UDP
    kUdpIdleKey};

struct SocketAccess {
  std::optional<std::uint32_t> mode;
  std::optional<std::uint32_t> group;
};

SocketAccess read_socket_access(const config::Section& section, const Planner& planner) {
  const auto listen = section.texts("listen");
  const bool has_socket = std::any_of(listen.begin(), listen.end(), [](const auto& text) {
    return text.value.starts_with("unix:");
  });
  const auto read = [&](const char* key, auto&& parse, std::optional<std::uint32_t>& value) {
    const auto text = section.text(key);
    if (!text) return;
    if (!has_socket) {
      planner.mistake(text->line,
                      fmt::format("{} applies to unix sockets, and listen has none", key));
    }
    const auto parsed = parse(text->value);
    if (!parsed) planner.mistake(text->line, fmt::format("{}: {}", key, parsed.error()));
    value = *parsed;
  };
  SocketAccess out;
  read("socket_mode", parse_socket_mode, out.mode);
  read("socket_group", parse_socket_group, out.group);
  if (out.group && !out.mode) out.mode = kGroupSocketMode;
  return out;
}

void read_connect(const config::Section& section, Planner& planner) {
  const PeerReference peer = planner.peer(*section.text("peer"));
  const SocketAccess access = read_socket_access(section, planner);
  const auto listen = section.texts("listen");
  const bool has_udp = std::any_of(listen.begin(), listen.end(), [](const auto& text) {
    return text.value.starts_with("udp:") || text.value.starts_with(kBothPrefix);
  });
  const Duration idle = udp_idle(section, planner, has_udp, "listen");
  for (const auto& text : listen) {
    const auto refuse = [&](const std::string& why) {
      planner.mistake(text.line, fmt::format("listen {}: {}", in_quotes(text.value), why));
    };
    const auto words = forwards_of_range(text.value);
    if (!words) refuse(words.error());
    for (const std::string& word : *words) {
      auto forward = parse_local_forward(word, planner.folder());
      if (!forward) refuse(forward.error());
      planner.refuse_taken(text, forward->listen);
      if (forward->listen.is_unix()) {
        forward->listen.mode = access.mode;
        forward->listen.group = access.group;
      }
      planner.add(std::make_shared<ConnectSpec>(peer, std::move(*forward), idle));
    }
  }
}

/// What local addresses of the table have not passed on, a line each.
std::string drops_of_all(const std::vector<ConnectStatus>& connects) {
  std::string out;
  for (const ConnectStatus& connect : connects) {
    if (connect.drops && !connect.drops->empty()) {
      out += fmt::format("\n{}: datagrams dropped: {}", connect.listen, drops_text(*connect.drops));
    }
  }
  return out.empty() ? "" : "\n" + out;
}

/// What does not work, then what is busy.
std::vector<ConnectStatus> sorted_connects(std::vector<ConnectStatus> connects) {
  const auto trouble = [](const ConnectStatus& one) {
    return one.problem ? 2 : one.last_failure ? 1 : 0;
  };
  std::stable_sort(connects.begin(), connects.end(), [&](const auto& a, const auto& b) {
    if (trouble(a) != trouble(b)) return trouble(a) > trouble(b);
    if (rate_of(a) != rate_of(b)) return rate_of(a) > rate_of(b);
    return a.connections > b.connections;
  });
  return connects;
}

std::string connections_text(const ConnectStatus& connect) {
  std::string number = std::to_string(connect.connections);
  if (connect.last_failure) number += ", failing";
  return connect.flows ? fmt::format("{}, {}", number, count_text(*connect.flows, "flow")) : number;
}

std::string connects_text(const Json& list) {
  const auto connects = sorted_connects(decoded<std::vector<ConnectStatus>>(list));
  if (connects.empty()) return "";
  Table table({"LOCAL ADDRESS", "PEER", "SERVICE", "CONNECTIONS", "TO PEER", "FROM PEER"});
  table.may_shorten(kPeerColumn).may_shorten(kAddressColumn);
  for (const ConnectStatus& connect : connects) {
    table.add(
        {connect.listen, connect.name, connect.service.empty() ? "(default)" : connect.service,
         connect.problem ? "not open" : connections_text(connect), size_text(connect.bytes_to_peer),
         size_text(connect.bytes_from_peer)},
        rate_notes(connect));
  }
  return "\n\n" + table.to_string(platform::output_width()) + drops_of_all(connects);
}

std::string local_addresses(std::size_t number) {
  return count_text(number, "local address", "local addresses");
}

}  // namespace

const TunnelKind kConnectKind = {.section = {"connect", kKeysOfConnect},
                                 .read = read_connect,
                                 .list = "connects",
                                 .fields = names_of_fields<ConnectStatus>,
                                 .text = connects_text,
                                 .number = "forwards",
                                 .number_text = local_addresses};

std::string ConnectSpec::key() const {
  // Port 0 is a different one each time.
  const bool picked = !forward.listen.is_unix() && forward.listen.port == 0;
  return picked ? "" : forward.listen.to_string();
}

bool ConnectSpec::same(const TunnelSpec& other) const {
  const auto& connect = static_cast<const ConnectSpec&>(other);
  return forward == connect.forward && peer.same_peer(connect.peer) && udp_idle == connect.udp_idle;
}

std::unique_ptr<Tunnel> ConnectSpec::make(App& app) const {
  if (forward.listen.udp) return std::make_unique<UdpTunnel>(app, peer, forward, udp_idle);
  return std::make_unique<PeerTunnel>(app, peer, forward);
}

}  // namespace hsfwd::cli
