// SPDX-License-Identifier: Apache-2.0
#include "cli/running_command.hpp"

#include <fmt/format.h>

#include <utility>

#include "cli/timeline.hpp"
#include "platform/control_socket.hpp"

namespace hsfwd::cli {

RunningCommand::RunningCommand(App& app, const char* command, Tunnels tunnels)
    : app_(app),
      command_(command),
      tunnels_(std::move(tunnels)),
      began_(app.scheduler().now()),
      control_(app) {
  control_.set_handler([this](const ControlRequest& request, const ControlServer::Answer& answer) {
    on_request(request.command, answer);
  });
  control_.listen_if_possible(platform::command_socket_paths(command_));
}

void RunningCommand::on_request(ControlCommand command, const ControlServer::Answer& answer) const {
  using Then = ControlServer::Then;
  switch (command) {
    case ControlCommand::kStatus:
      return answer(tagged(status_event(app_, tunnels_(), command_, "", began_)), Then::kHangUp);
    case ControlCommand::kPeers:
      return answer(tagged(peers_event(app_, tunnels_(), command_)), Then::kHangUp);
    case ControlCommand::kAttempts:
      return answer(tagged(attempts_event(app_, command_)), Then::kHangUp);
    case ControlCommand::kReload:
    case ControlCommand::kDown:
      break;
  }
  const UserError refused{kUsage, "NOT_UP",
                          fmt::format("this is hsfwd {}, which tells what it does and takes no "
                                      "orders: end it as you started it",
                                      command_)};
  answer(error_answer(refused), Then::kHangUp);
}

}  // namespace hsfwd::cli
