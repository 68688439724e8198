// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "cli/app.hpp"

namespace hsfwd::cli {

/// The option --wait, of commands that lead to a peer.
void add_wait_option(CommandLine& line);

/// Asks the DHT whether a peer is there; with --wait again and again until it is.
class AwaitedPeer {
 public:
  /// `done` hears of the error, kNone for none; with `wait` of no error but others than that the
  /// peer is not there, or the network. Both outlive it.
  AwaitedPeer(App& app, const PeerReference& peer, bool wait,
              std::function<void(ConnectError)> done);
  ~AwaitedPeer();

  void start();
  /// Whether an error is one that time may mend; it is told, once, and start() is called again
  /// after a while.
  bool wait_after(ConnectError error);

 private:
  void on_result(ConnectError error);

  App& app_;
  const PeerReference& peer_;
  const bool wait_;
  std::function<void(ConnectError)> done_;
  bool told_ = false;
  bool found_ = false;
  Timer again_timer_;
  std::unique_ptr<hyperdht::FindPeer> find_;
};

}  // namespace hsfwd::cli
