// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.hpp"
#include "cli/control_client.hpp"
#include "cli/health.hpp"
#include "cli/up_texts.hpp"

namespace hsfwd::cli {

int run_status(const Arguments& arguments) {
  return run_control_command(arguments, ControlCommand::kStatus,
                             "Shows the state of the running hsfwd up: what does not work, its "
                             "node, its services and its local\naddresses. Without a running hsfwd "
                             "up, shows each expose, connect, tun and run of this user.",
                             {status_text, with_health_colours});
}

}  // namespace hsfwd::cli
