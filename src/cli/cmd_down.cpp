// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.hpp"
#include "cli/control_client.hpp"
#include "cli/up_texts.hpp"

namespace hsfwd::cli {

int run_down(const Arguments& arguments) {
  return run_control_command(arguments, ControlCommand::kDown,
                             "Stops the running hsfwd up cleanly, and returns once it has ended.",
                             {down_text});
}

}  // namespace hsfwd::cli
