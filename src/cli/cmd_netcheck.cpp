// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "cli/app.hpp"
#include "cli/commands.hpp"
#include "cli/events/diagnosis.hpp"
#include "node/survey.hpp"

namespace hsfwd::cli {

namespace {

/// Why a peer behind the same carrier's NAT sees another address than the interface has.
bool carrier_nat(const SurveyReport& report) {
  return std::any_of(report.interfaces.begin(), report.interfaces.end(),
                     [](const net::Interface& own) {
                       return own.host.octet(0) == 100 && (own.host.octet(1) & 0xc0) == 64;
                     });
}

std::optional<std::string> text_of(const std::optional<net::Address>& address) {
  if (!address) return std::nullopt;
  return address->to_string();
}

events::Netcheck event_of(const SurveyReport& report) {
  events::Netcheck out{
      .online = report.online(),
      .ports = {report.server_socket.port, report.client_socket.port},
      .nat = {.verdict = to_string(report.nat),
              .firewalled = report.firewalled,
              .translated = report.online() && report.translated(),
              .keeps_port = report.keeps_port},
      .reachable_as = text_of(report.open_address),
      .summary = describe(report),
  };
  for (const net::Interface& own : report.interfaces) {
    out.interfaces.push_back({own.name, own.host.to_string(), own.internal});
  }
  for (const SurveyReport::Bootstrap& node : report.bootstrap) {
    auto& entry = out.bootstrap.emplace_back();
    entry.node = node.name;
    entry.address = text_of(node.address);
    if (node.rtt) entry.millis = millis(*node.rtt);
  }
  for (const SurveyReport::Sample& sample : report.samples) {
    out.nat.samples.push_back(
        {sample.node.to_string(), sample.seen_as.to_string(), millis(sample.rtt)});
  }
  for (const net::Ipv4 host : report.public_hosts) out.public_hosts.push_back(host.to_string());
  if (report.mtu) out.path_mtu = report.mtu->size;
  return out;
}

std::string to_text(const SurveyReport& report) {
  std::string out = "local addresses (IPv4 only: the network has no other)\n";
  for (const net::Interface& own : report.interfaces) {
    if (own.internal) continue;
    out += fmt::format("  {:<22} {}, {}\n", own.host.to_string(), own.name, net::kind_of(own.host));
  }
  out += fmt::format("UDP ports: {} (server), {} (client)\nbootstrap nodes\n",
                     report.server_socket.port, report.client_socket.port);
  for (const SurveyReport::Bootstrap& node : report.bootstrap) {
    const std::string what = node.rtt          ? fmt::format("{:.1f} ms", millis(*node.rtt))
                             : node.unresolved ? "the name does not resolve"
                                               : "no answer";
    out += fmt::format("  {:<40} {}\n", node.name, what);
  }
  out += fmt::format("how others see the client port\n{}",
                     report.samples.empty() ? "  nobody answered\n" : "");
  for (const SurveyReport::Sample& sample : report.samples) {
    out += fmt::format("  {:<22} sees {:<22} {:.1f} ms\n", sample.node.to_string(),
                       sample.seen_as.to_string(), millis(sample.rtt));
  }
  if (report.online()) {
    out += fmt::format(
        "unsolicited datagrams: {}\n",
        report.firewalled
            ? "are blocked"
            : fmt::format("get in{}",
                          report.open_address ? ", at " + report.open_address->to_string() : ""));
    out += fmt::format("port numbers: {}\n", report.keeps_port ? "kept" : "translated");
  }
  if (report.mtu) {
    out += fmt::format("path MTU: {} bytes towards {}\n", report.mtu->size,
                       report.mtu->to.to_string());
  }
  if (carrier_nat(report)) {
    out +=
        "a local address is behind carrier-grade NAT: the provider translates for many customers\n";
  }
  return out + fmt::format("verdict: {}: {}", to_string(report.nat), describe(report));
}

}  // namespace

int run_netcheck(const Arguments& arguments) {
  CommandLine line("hsfwd netcheck [OPTION...]",
                   "Examines the network this machine is in: addresses, bootstrap nodes, the "
                   "behaviour of the NAT, and\nthe largest packet size.");
  line.add_node_options();
  line.add_output_options();
  if (!line.parse(arguments)) return kDone;
  App app(one_object(output_options(line)));
  Node& node = app.start_node(node_options(line));
  std::optional<Survey> survey;
  const auto start = [&] {
    if (survey || app.quitting()) return;
    app.waiting().begin("asking nodes how they see this machine", {.what = "survey"});
    survey.emplace(node, [&](const SurveyReport& report) {
      app.output().event(event_of(report), to_text(report));
      app.quit(report.online() ? kDone : kTryLater);
    });
    survey->start();
  };
  node.when_ready(start);
  app.on_no_answer([&] {
    start();
    survey->conclude();
  });
  return app.run();
}

}  // namespace hsfwd::cli
