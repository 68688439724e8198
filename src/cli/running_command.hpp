// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/control_server.hpp"
#include "cli/up_report.hpp"

namespace hsfwd::cli {

/// A command that runs tunnels and is no `up`: who asks at its socket, which its user alone may, learns what they
/// do, and can change nothing. Without a socket it runs as well.
class RunningCommand {
 public:
  using Tunnels = std::function<std::vector<TunnelView>()>;

  /// The node runs. `command` as it is typed.
  RunningCommand(App& app, const char* command, Tunnels tunnels);
  RunningCommand(const RunningCommand&) = delete;
  RunningCommand& operator=(const RunningCommand&) = delete;

 private:
  void on_request(ControlCommand command, const ControlServer::Answer& answer) const;

  App& app_;
  const char* const command_;
  const Tunnels tunnels_;
  const Instant began_;
  ControlServer control_;
};

}  // namespace hsfwd::cli
