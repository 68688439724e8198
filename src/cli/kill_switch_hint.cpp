// SPDX-License-Identifier: Apache-2.0
#include "cli/kill_switch_hint.hpp"

#include "platform/kill_switch.hpp"

namespace hsfwd::cli {

std::string kill_switch_hint() {
  if (!platform::kill_switch_left_behind()) return {};
  return "an hsfwd that was killed has left its kill switch, so that nothing leaves this machine "
         "but into its own networks: "
         "start it again, or lift that with sudo hsfwd down";
}

}  // namespace hsfwd::cli
