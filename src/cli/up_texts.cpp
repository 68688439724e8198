// SPDX-License-Identifier: Apache-2.0
#include "cli/up_texts.hpp"

#include <fmt/format.h>

#include <vector>

#include "cli/table.hpp"
#include "platform/standard_streams.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr std::size_t kShortKey = 12;
// Of the local addresses.
constexpr std::size_t kAddressColumn = 0;
constexpr std::size_t kPeerColumn = 1;

std::string text(const Json& object, const char* name) {
  return printable(object.at(name).get_ref<const std::string&>());
}

std::uint64_t number(const Json& object, const char* name) {
  const Json& value = object.at(name);
  // get() would convert whatever is a number, and a fraction out of range has no whole one.
  if (value.is_number_integer() && value >= 0) return value.get<std::uint64_t>();
  return value.get_ref<const Json::number_unsigned_t&>();  // throws
}

bool flag(const Json& object, const char* name) {
  return object.at(name).get<bool>();
}

std::string traffic(const Json& object) {
  return fmt::format("{} to peers, {} from them", size_text(number(object, "bytesToPeer")),
                     size_text(number(object, "bytesFromPeer")));
}

std::string node_text(const Json& node) {
  std::vector<std::string> out = {flag(node, "online") ? "online" : "offline",
                                  flag(node, "persistent") ? "persistent" : "ephemeral"};
  if (!node.at("address").is_null()) out.push_back("seen as " + text(node, "address"));
  out.push_back("NAT " + text(node, "nat"));
  out.push_back(fmt::format("{} buffered", size_text(number(node, "bytesBuffered"))));
  return list_text("node: ", out, platform::output_width());
}

std::string list_or(const char* label, const Json& list, const char* none) {
  std::vector<std::string> items;
  for (const Json& entry : list) items.push_back(printable(entry.get_ref<const std::string&>()));
  if (items.empty()) items.emplace_back(none);
  return list_text(label, items, platform::output_width());
}

std::string expose_text(const Json& expose) {
  std::string out = fmt::format("\n\nexposed as {}", text(expose, "key"));
  for (const Json& service : expose.at("services")) {
    out += fmt::format("\n  {} -> {}", text(service, "name"), text(service, "target"));
  }
  const Json& allow = expose.at("allow");
  const Json& reachable = expose.at("reachable");
  out += fmt::format("\n  for:         {}", allow.is_null()
                                                ? std::string("everybody who knows the key")
                                                : count_text(allow.size(), "key"));
  out += fmt::format("\n{}", list_or("  announced:   ", expose.at("relays"), "not yet"));
  out += fmt::format("\n  reachable:   {}", reachable.is_null()     ? "not tested yet"
                                            : reachable.get<bool>() ? "yes"
                                                                    : "no");
  if (expose.contains("problem")) {
    out += fmt::format("\n  not open:    {}", text(expose, "problem"));
  }
  if (expose.value("shared", false)) {
    out += "\n               another program also serves this key: one of them needs its own";
  }
  const std::uint64_t refused = number(expose, "refused");
  return out + fmt::format("\n  connections: {}; {}{}", number(expose, "connections"),
                           traffic(expose),
                           refused > 0 ? fmt::format("; {} refused, too many", refused) : "");
}

}  // namespace

namespace {

/// Why local addresses of the table are not there, a line each.
std::string problems_text(const Json& connects) {
  std::string out;
  for (const Json& connect : connects) {
    if (!connect.contains("problem")) continue;
    out += fmt::format("\ncannot listen on {}: {}; trying again", text(connect, "listen"),
                       text(connect, "problem"));
  }
  return out.empty() ? "" : "\n" + out;
}

}  // namespace

std::string status_text(const Json& event) {
  std::string out = fmt::format("up:   {}, process {}, for {}\n", text(event, "config"),
                                number(event, "pid"), span_text(number(event, "seconds")));
  out += fmt::format("key:  {}\n", text(event, "key"));
  out += node_text(event.at("node"));
  for (const Json& expose : event.at("exposes")) out += expose_text(expose);
  const Json& connects = event.at("connects");
  if (connects.empty()) return out;
  Table table({"LOCAL ADDRESS", "PEER", "SERVICE", "CONNECTIONS", "TO PEER", "FROM PEER"});
  table.may_shorten(kPeerColumn).may_shorten(kAddressColumn);
  for (const Json& connect : connects) {
    const std::string service = text(connect, "service");
    table.add(
        {text(connect, "listen"), text(connect, "name"), service.empty() ? "(default)" : service,
         connect.contains("problem") ? "not open" : std::to_string(number(connect, "connections")),
         size_text(number(connect, "bytesToPeer")), size_text(number(connect, "bytesFromPeer"))});
  }
  return out + "\n\n" + table.to_string(platform::output_width()) + problems_text(connects);
}

std::string peers_text(const Json& event) {
  const Json& connections = event.at("connections");
  if (connections.empty()) return "no connections";
  Table table({"ID", "", "PEER", "SERVICE", "PATH", "REMOTE", "RTT", "TO", "FROM", "FOR"});
  for (const Json& connection : connections) {
    table.add({std::to_string(number(connection, "id")), text(connection, "direction"),
               text(connection, "key").substr(0, kShortKey), text(connection, "service"),
               text(connection, "path"), text(connection, "remote"),
               fmt::format("{:.1f} ms", connection.at("rttMillis").get<double>()),
               size_text(number(connection, "bytesToPeer")),
               size_text(number(connection, "bytesFromPeer")),
               span_text(number(connection, "seconds"))});
  }
  return table.to_string(platform::output_width());
}

std::string reloaded_text(const Json& event) {
  return fmt::format("reloaded {}; tunnels: {} kept, {} changed, {} started, {} stopped",
                     text(event, "config"), number(event, "kept"), number(event, "changed"),
                     number(event, "started"), number(event, "stopped"));
}

std::string down_text(const Json& event) {
  return fmt::format("stopped (process {})", number(event, "pid"));
}

}  // namespace hsfwd::cli
