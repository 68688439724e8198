// SPDX-License-Identifier: Apache-2.0
#include "cli/metrics_kind.hpp"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "cli/metrics_content.hpp"
#include "cli/planner.hpp"
#include "cli/table.hpp"
#include "cli/web_address.hpp"
#include "cli/web_tunnel.hpp"
#include "platform/standard_streams.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr config::Key kKeysOfMetrics[] = {
    {.name = "listen", .needed = "listen, such as listen = \"9464\""}};

void read_metrics(const config::Section& section, Planner& planner) {
  const auto text = section.text("listen");
  auto listen = parse_web_address(text->value, planner.folder());
  if (!listen) {
    planner.mistake(text->line,
                    fmt::format("listen {}: {}", in_quotes(text->value), listen.error()));
  }
  planner.refuse_taken(*text, *listen);
  if (!is_of_this_machine(*listen)) {
    planner.warn(text->line,
                 fmt::format("metrics at {} are for whoever reaches that address: the keys "
                             "and addresses of your tunnels, and how much is done there",
                             printable(listen->to_string())));
  }
  planner.add(std::make_shared<MetricsSpec>(std::move(*listen)));
}

std::string metrics_text(const Json& list) {
  const auto all = decoded<std::vector<MetricsStatus>>(list);
  if (all.empty()) return "";
  Table table({"METRICS", "REQUESTS", "REFUSED"});
  table.may_shorten(0);
  for (const MetricsStatus& metrics : all) {
    table.add({metrics.listen, metrics.problem ? "not open" : std::to_string(metrics.requests),
               std::to_string(metrics.refused)});
  }
  return "\n\n" + table.to_string(platform::output_width());
}

std::string metrics_number(std::size_t number) {
  return number == 0 ? "" : "metrics";
}

}  // namespace

const TunnelKind kMetricsKind = {.section = {"metrics", kKeysOfMetrics, true},
                                 .read = read_metrics,
                                 .list = "metrics",
                                 .fields = names_of_fields<MetricsStatus>,
                                 .text = metrics_text,
                                 .number = "metrics",
                                 .number_text = metrics_number};

std::string MetricsSpec::key() const {
  return listen.port == 0 && !listen.is_unix() ? "" : listen.to_string();
}

bool MetricsSpec::same(const TunnelSpec& other) const {
  return listen == static_cast<const MetricsSpec&>(other).listen;
}

std::unique_ptr<Tunnel> MetricsSpec::make(App& app) const {
  return std::make_unique<WebTunnel>(app, listen, std::make_unique<MetricsContent>(app, listen));
}

}  // namespace hsfwd::cli
