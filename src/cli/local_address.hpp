// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "cli/health.hpp"
#include "cli/tunnel.hpp"
#include "forward/acceptor.hpp"

namespace hsfwd::cli {

/// An address of this machine at which a tunnel takes what local programs send, at once or as soon as it can
/// be had.
class LocalAddress {
 public:
  /// What listens there.
  struct Listener {
    /// The error is one clause for people.
    std::function<Result<void, std::string>(const net::StreamAddress& at)> listen;
    std::function<void()> close;
    /// With the port that was picked; nothing while it does not listen.
    std::function<std::optional<net::StreamAddress>()> address;
  };

  LocalAddress(App& app, net::StreamAddress wanted, Listener listener);
  /// Streams, each of which is `accepted`.
  LocalAddress(App& app, net::StreamAddress wanted, forward::Acceptor::Accepted accepted);

  /// Listens there, or has a problem. As Tunnel::prepare().
  void prepare(Unavailable unavailable);
  /// Calls `opened` if it listens. Otherwise it reports the problem, tries again from time to time, and calls
  /// `opened` once there is none. `purpose` tells people what the address is for.
  void report(const std::string& purpose, std::function<void()> opened);
  /// Accepts no more, and tries no more.
  void close();

  /// Why it does not listen, one clause for people; empty if it does.
  const std::string& problem() const { return problem_; }
  /// The same, as that of the tunnel.
  std::optional<Tunnel::Problem> tunnel_problem() const;
  /// The same, and what helps; none if it listens.
  std::vector<Trouble> troubles() const;
  /// With the port that was picked, once there is one.
  std::string to_string() const;

 private:
  void open();
  void try_again();
  void try_now();

  App& app_;
  const net::StreamAddress wanted_;
  const Listener listener_;
  std::string problem_;
  Instant problem_since_;  // if there is one
  std::function<void()> opened_;
  Timer again_timer_;
  std::unique_ptr<net::Lookup> lookup_;  // of the name that it is to listen on
};

}  // namespace hsfwd::cli
