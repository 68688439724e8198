// SPDX-License-Identifier: Apache-2.0
// A program in a network of its own, which has a loopback interface and the tunnels that are made for
// it here, for a user without any privilege. Our process stays outside, where the network is.
//
// What the program finds changed: it uses another network, asks other servers for names, and does not
// see what answers names or starts programs for others in the file system. All else of the
// file system is as its user has it, and so is the terminal: it is in the process group that we are in.
// It gains no privilege by any file (sudo says so). When it ends, whatever it has started ends
// with it, and so it is when our process ends, however.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/packet_tunnel.hpp"
#include "platform/loop.hpp"
#include "util/result.hpp"

namespace hsfwd::platform {

/// Who is asked for names.
struct ProgramNames {
  std::vector<std::string> servers;  // addresses
  std::vector<std::string> search;   // domains of names without a dot
};

/// Why there is no program.
struct ProgramFailure {
  int exit_code = 1;  // as shells have it: 127 there is none, 126 it cannot be run, 1 all else
  std::string text;   // one line for people
};

class ConfinedProgram {
 public:
  using Words = std::vector<std::string>;

  /// Makes the network, and a process in it that waits to become `command`, whose first word is looked
  /// for in $PATH. It copies this process, which has no threads yet and no secrets. The error is one
  /// line for people, and says what to do where that can be known.
  static Result<std::unique_ptr<ConfinedProgram>, std::string> prepare(Words command);
  /// Ends the program and what it has started, and returns when they are gone.
  virtual ~ConfinedProgram() = default;

  /// Tunnels of that network. The loop outlives them, and they `this`.
  virtual std::unique_ptr<net::PacketTunnelFactory> make_tunnels(Loop& loop) = 0;

  /// The program begins, once. `on_end` is called in the loop when it is gone, with its exit code, or
  /// 128 and the number of the signal that it died of; it may destroy this object through
  /// Scheduler::retire. From here on SIGINT, SIGQUIT, SIGTERM and SIGHUP are the program's: those from
  /// the terminal it has anyway, the others it is sent. When it stops, so does this process.
  virtual Result<void, ProgramFailure> start(Loop& loop, const ProgramNames& names,
                                             std::function<void(int exit_code)> on_end) = 0;
  virtual void signal(int number) = 0;
  /// on_end is called no more.
  virtual void cancel() = 0;
};

}  // namespace hsfwd::platform
