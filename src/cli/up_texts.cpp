// SPDX-License-Identifier: Apache-2.0
#include "cli/up_texts.hpp"

#include <fmt/format.h>

#include <vector>

#include "cli/events/answers.hpp"
#include "cli/health.hpp"
#include "cli/rates.hpp"
#include "cli/session_texts.hpp"
#include "cli/table.hpp"
#include "platform/standard_streams.hpp"

namespace hsfwd::cli {

namespace {

std::string node_text(const events::NodeState& node) {
  std::vector<std::string> out = {node.online ? "online" : "offline",
                                  node.persistent ? "persistent" : "ephemeral"};
  if (node.address) out.push_back("seen as " + *node.address);
  out.push_back("NAT " + node.nat);
  out.push_back(fmt::format("{} buffered", size_text(node.bytes_buffered)));
  return list_text("node: ", out, platform::output_width());
}

/// How much all of it has carried; how much at the moment, as far as anybody knows.
std::string traffic_text(const Json& event, const events::Status& status) {
  Traffic all;
  for (const TunnelKind* kind : tunnel_kinds()) {
    if (const auto list = event.find(kind->list); list != event.end())
      all = all + traffic_of(*list);
  }
  if (!all.rate_to_peer) {
    all.rate_to_peer = 0;
    all.rate_from_peer = 0;
    for (const events::SessionState& session : status.sessions) {
      *all.rate_to_peer += session.rate_to_peer;
      *all.rate_from_peer += session.rate_from_peer;
    }
  }
  return list_text("data: ",
                   {carried_text(all.bytes_to_peer, "to peers", all.rate_to_peer),
                    carried_text(all.bytes_from_peer, "from them", all.rate_from_peer)},
                   platform::output_width());
}

/// What there is where nothing is wrong.
std::string well_text(const Json& event, const events::Status& status) {
  std::size_t tunnels = 0;
  for (const TunnelKind* kind : tunnel_kinds()) {
    if (const auto list = event.find(kind->list); list != event.end()) tunnels += list->size();
  }
  return fmt::format("online, {}, {}", count_text(tunnels, "tunnel"),
                     count_text(status.sessions.size(), "session"));
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

std::string heading_of(const Json& event) {
  const auto command = event.find("command");
  const auto pid = event.find("pid");
  if (command == event.end() || !command->is_string() || *command == "up" || *command == "")
    return "";
  return fmt::format(
      "hsfwd {}, process {}:", command->get_ref<const std::string&>(),
      pid != event.end() && pid->is_number_unsigned() ? pid->get<std::uint64_t>() : 0);
}

std::string status_text(const Json& event) {
  const auto status = decoded<events::Status>(event);
  std::string out;
  if (status.health) out = health_text(*status.health, well_text(event, status)) + "\n\n";
  if (heading_of(event).empty()) {
    out += fmt::format("up:   {}, process {}, for {}\n", status.config, status.pid,
                       span_text(status.seconds));
  } else {
    out += fmt::format("age:  {}\n", span_text(status.seconds));
  }
  out += fmt::format("key:  {}\n", status.key);
  out += node_text(status.node) + "\n" + traffic_text(event, status);
  out += sessions_text(status.sessions);
  return out + tunnels_text(event, tunnel_kinds());
}

std::string peers_text(const Json& event) {
  return connections_text(decoded<events::Peers>(event));
}

std::string reloaded_text(const Json& event) {
  const auto reloaded = decoded<events::Reloaded>(event);
  std::string out = fmt::format("reloaded {}; tunnels: {} kept, {} changed, {} started, {} stopped",
                                reloaded.config, reloaded.kept, reloaded.changed, reloaded.started,
                                reloaded.stopped);
  for (const std::string& warning : reloaded.warnings) out += "\nwarning: " + warning;
  return out;
}

std::string down_text(const Json& event) {
  return fmt::format("stopped (process {})", decoded<events::Down>(event).pid);
}

}  // namespace hsfwd::cli
