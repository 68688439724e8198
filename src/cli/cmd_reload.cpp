// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.hpp"
#include "cli/control_client.hpp"
#include "cli/up_texts.hpp"

namespace hsfwd::cli {

int run_reload(const Arguments& arguments) {
  return run_control_command(
      arguments, ControlCommand::kReload,
      "Makes the running hsfwd up reread its file. If the file has an error, nothing changes. If "
      "only the\nnetwork interface cannot be changed, everything else is applied.",
      {reloaded_text});
}

}  // namespace hsfwd::cli
