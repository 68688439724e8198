// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/app.hpp"
#include "cli/plan.hpp"
#include "forward/service.hpp"
#include "platform/others.hpp"

namespace hsfwd::cli {

/// Checks whether what a plan names can work at the moment: each service is dialled, each bootstrap
/// name is looked up, for root it checks what the user of the systemd unit may open, and tunnels look
/// at this machine. The result may be different when it counts, so none of it is an error.
class Preflight {
 public:
  /// One line per doubt, in the order of the plan.
  using Done = std::function<void(const std::vector<std::string>& doubts)>;

  Preflight(App& app, const Plan& plan, Done done);

  void start();

  // --- For tunnels, from inside TunnelSpec::check() ---

  /// What the tunnel has found out by itself, in one line.
  void doubt(std::string what) { known_.push_back(std::move(what)); }
  /// Whether the user of the systemd unit may read it.
  void check_identity(const std::string& path);
  /// Whether it answers, and that user may connect to its socket.
  void check_service(const forward::Service& service);

 private:
  struct Probe {
    std::string subject;
    std::string doubt;
    std::unique_ptr<net::Dial> dial;
    std::unique_ptr<net::Lookup> lookup;
    bool over = false;
  };
  Probe& add(std::string subject);
  void dial(const forward::Service& service);
  void look_up(std::string subject, const std::string& name);
  void check_access(const std::string& subject, const std::string& path, platform::Access access);
  void settle(Probe& probe, std::string doubt);
  void conclude();

  App& app_;
  const Plan& plan_;
  const Done done_;
  std::vector<std::unique_ptr<Probe>> probes_;
  std::vector<std::string> known_;  // without a probe
  std::size_t open_ = 1;            // the start itself
  bool concluded_ = false;
  Timer patience_timer_;
};

}  // namespace hsfwd::cli
