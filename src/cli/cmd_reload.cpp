// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.hpp"
#include "cli/control_client.hpp"
#include "cli/up_texts.hpp"

namespace hsfwd::cli {

int run_reload(const Arguments& arguments) {
  return run_control_command(
      arguments, ControlCommand::kReload,
      "Makes the running hsfwd up reread its file. With an error in it nothing is applied; if only "
      "the network\ninterface cannot be changed, all but that is.",
      {reloaded_text});
}

}  // namespace hsfwd::cli
