// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "cli/app.hpp"
#include "node/find_peer.hpp"

namespace hsfwd::cli {

/// The option --wait of commands that lead to a peer.
void add_wait_option(CommandLine& line);

/// Asks the DHT whether a peer is there; with --wait repeatedly until it is.
class AwaitedPeer {
 public:
  /// `done` is called with the error, or kNone; with `wait` not for a missing peer or network,
  /// which are waited for. Both outlive it.
  AwaitedPeer(App& app, const PeerReference& peer, bool wait,
              std::function<void(ConnectError)> done);
  ~AwaitedPeer();

  /// A clause for people on what comes of that until the peer is there.
  void set_meanwhile(std::string meanwhile) { meanwhile_ = std::move(meanwhile); }
  void start();
  /// Whether an error may pass with time; then it is reported, once, and start() is called again
  /// after a while.
  bool wait_after(ConnectError error);

 private:
  void on_result(ConnectError error);

  App& app_;
  const PeerReference& peer_;
  const bool wait_;
  std::function<void(ConnectError)> done_;
  std::string meanwhile_;
  bool told_ = false;
  bool found_ = false;
  Timer again_timer_;
  std::unique_ptr<FindPeer> find_;
};

}  // namespace hsfwd::cli
