// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "cli/commands.hpp"
#include "cli/events/notices.hpp"
#include "cli/events/tunnels.hpp"
#include "cli/preflight.hpp"
#include "cli/table.hpp"

namespace hsfwd::cli {

namespace {

void report_check(App& app, const Plan& plan, const std::vector<std::string>& doubts) {
  for (const std::string& doubt : doubts) {
    if (app.output().json()) {
      app.output().event(events::Warning{told(doubt), {}}, "");
    } else if (app.log().enabled(LogLevel::kWarning)) {
      app.output().note("warning: " + doubt);
    }
  }
  events::Valid out;
  std::vector<std::string> numbers;
  for (const TunnelKind* kind : tunnel_kinds()) {
    std::size_t number = 0;
    for (const auto& tunnel : plan.tunnels) {
      if (&tunnel->kind() == kind) number += tunnel->number();
    }
    out.numbers.fields.emplace_back(kind->number, number);
    if (std::string text = kind->number_text(number); !text.empty()) {
      numbers.push_back(std::move(text));
    }
  }
  out.warnings = doubts.size();
  app.output().event(
      out, fmt::format("ok: {}{}", fmt::join(numbers, ", "),
                       doubts.empty() ? "" : "; " + count_text(doubts.size(), "warning")));
  app.quit(kDone);
}

}  // namespace

int run_check(const Arguments& arguments) {
  CommandLine line("hsfwd check [-c FILE] [OPTION...]",
                   "Validates a configuration file and the identities it uses, and warns about "
                   "services that are\nnot reachable at the moment. It does not start anything.");
  line.options().add_options()("config,c", po::value<std::string>(),
                               "FILE to check, or - for standard input");
  line.add_output_options();
  if (!line.parse(arguments)) return kDone;
  const Plan plan = load_plan(choose_plan_file(line));
  App app(one_object(output_options(line)));
  app.waiting().begin("checking the services", {.what = "services"});
  Preflight preflight(app, plan, [&](const auto& doubts) { report_check(app, plan, doubts); });
  preflight.start();
  return app.run();
}

}  // namespace hsfwd::cli
