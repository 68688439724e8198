// SPDX-License-Identifier: Apache-2.0
#include "cli/up_texts.hpp"

#include <fmt/format.h>

#include <vector>

#include "cli/event_fields.hpp"
#include "cli/table.hpp"
#include "platform/standard_streams.hpp"

namespace hsfwd::cli {

namespace {

constexpr std::size_t kShortKey = 12;

std::string node_text(const Json& node) {
  std::vector<std::string> out = {flag_field(node, "online") ? "online" : "offline",
                                  flag_field(node, "persistent") ? "persistent" : "ephemeral"};
  if (!node.at("address").is_null()) out.push_back("seen as " + text_field(node, "address"));
  out.push_back("NAT " + text_field(node, "nat"));
  out.push_back(fmt::format("{} buffered", size_text(number_field(node, "bytesBuffered"))));
  return list_text("node: ", out, platform::output_width());
}

}  // namespace

std::string tunnels_text(const Json& event, TunnelKinds kinds) {
  std::string out;
  for (const TunnelKind* kind : kinds) out += kind->text(event.at(kind->list));
  return out;
}

std::string status_text(const Json& event) {
  std::string out =
      fmt::format("up:   {}, process {}, for {}\n", text_field(event, "config"),
                  number_field(event, "pid"), span_text(number_field(event, "seconds")));
  out += fmt::format("key:  {}\n", text_field(event, "key"));
  out += node_text(event.at("node"));
  return out + tunnels_text(event, tunnel_kinds());
}

std::string peers_text(const Json& event) {
  const Json& connections = event.at("connections");
  if (connections.empty()) return "no connections";
  Table table({"ID", "", "PEER", "SERVICE", "PATH", "REMOTE", "RTT", "TO", "FROM", "FOR"});
  for (const Json& connection : connections) {
    table.add({std::to_string(number_field(connection, "id")), text_field(connection, "direction"),
               text_field(connection, "key").substr(0, kShortKey),
               text_field(connection, "service"), text_field(connection, "path"),
               text_field(connection, "remote"),
               fmt::format("{:.1f} ms", connection.at("rttMillis").get<double>()),
               size_text(number_field(connection, "bytesToPeer")),
               size_text(number_field(connection, "bytesFromPeer")),
               span_text(number_field(connection, "seconds"))});
  }
  return table.to_string(platform::output_width());
}

std::string reloaded_text(const Json& event) {
  return fmt::format("reloaded {}; tunnels: {} kept, {} changed, {} started, {} stopped",
                     text_field(event, "config"), number_field(event, "kept"),
                     number_field(event, "changed"), number_field(event, "started"),
                     number_field(event, "stopped"));
}

std::string down_text(const Json& event) {
  return fmt::format("stopped (process {})", number_field(event, "pid"));
}

}  // namespace hsfwd::cli
