// SPDX-License-Identifier: Apache-2.0
#include "cli/up_texts.hpp"

#include <fmt/format.h>

#include <vector>

#include "cli/events.hpp"
#include "cli/table.hpp"
#include "platform/standard_streams.hpp"

namespace hsfwd::cli {

namespace {

constexpr std::size_t kShortKey = 12;

std::string node_text(const events::NodeState& node) {
  std::vector<std::string> out = {node.online ? "online" : "offline",
                                  node.persistent ? "persistent" : "ephemeral"};
  if (node.address) out.push_back("seen as " + *node.address);
  out.push_back("NAT " + node.nat);
  out.push_back(fmt::format("{} buffered", size_text(node.bytes_buffered)));
  return list_text("node: ", out, platform::output_width());
}

}  // namespace

std::string tunnels_text(const Json& event, TunnelKinds kinds) {
  std::string out;
  for (const TunnelKind* kind : kinds) {
    // An older `up` knows fewer kinds.
    if (const auto list = event.find(kind->list); list != event.end()) out += kind->text(*list);
  }
  return out;
}

std::string status_text(const Json& event) {
  const auto status = decoded<events::Status>(event);
  std::string out = fmt::format("up:   {}, process {}, for {}\n", status.config, status.pid,
                                span_text(status.seconds));
  out += fmt::format("key:  {}\n", status.key);
  out += node_text(status.node);
  return out + tunnels_text(event, tunnel_kinds());
}

std::string peers_text(const Json& event) {
  const auto peers = decoded<events::Peers>(event);
  if (peers.connections.empty()) return "no connections";
  Table table({"ID", "", "PEER", "SERVICE", "PATH", "REMOTE", "RTT", "TO", "FROM", "FOR"});
  for (const events::ConnectionState& connection : peers.connections) {
    table.add({std::to_string(connection.id), connection.direction,
               connection.key.substr(0, kShortKey), connection.service, connection.path,
               connection.remote, fmt::format("{:.1f} ms", connection.rtt_millis),
               size_text(connection.bytes_to_peer), size_text(connection.bytes_from_peer),
               span_text(connection.seconds)});
  }
  return table.to_string(platform::output_width());
}

std::string reloaded_text(const Json& event) {
  const auto reloaded = decoded<events::Reloaded>(event);
  return fmt::format("reloaded {}; tunnels: {} kept, {} changed, {} started, {} stopped",
                     reloaded.config, reloaded.kept, reloaded.changed, reloaded.started,
                     reloaded.stopped);
}

std::string down_text(const Json& event) {
  return fmt::format("stopped (process {})", decoded<events::Down>(event).pid);
}

}  // namespace hsfwd::cli
