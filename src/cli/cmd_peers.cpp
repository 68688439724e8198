// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.hpp"
#include "cli/control_client.hpp"
#include "cli/up_texts.hpp"

namespace hsfwd::cli {

int run_peers(const Arguments& arguments) {
  return run_control_command(arguments, ControlCommand::kPeers,
                             "Shows the open connections of the running hsfwd up.", peers_text);
}

}  // namespace hsfwd::cli
