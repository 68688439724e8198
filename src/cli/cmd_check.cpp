// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/plan.hpp"
#include "cli/table.hpp"

namespace hsfwd::cli {

int run_check(const Arguments& arguments) {
  CommandLine line(
      "hsfwd check [-c FILE] [OPTION...]",
      "Validates a configuration file and the identities that it uses; starts nothing.");
  line.options().add_options()("config,c", po::value<std::string>(), "FILE to check");
  line.add_output_options();
  if (!line.parse(arguments)) return kDone;
  const Plan plan = load_plan(choose_plan_file(line.text("config")));
  std::size_t services = 0;
  for (const Plan::Expose& expose : plan.exposes) services += expose.services.size();
  const std::size_t forwards = plan.connects.size();
  Output(output_options(line).json)
      .event("valid", {{"services", services}, {"forwards", forwards}},
             fmt::format("ok: {} exposed, {}", count_text(services, "service"),
                         count_text(forwards, "local address", "local addresses")));
  return kDone;
}

}  // namespace hsfwd::cli
