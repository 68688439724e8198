// SPDX-License-Identifier: Apache-2.0
// All tunnels of a configuration, which can change to another configuration while they run.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "cli/plan.hpp"
#include "cli/plan_diff.hpp"
#include "cli/tunnel.hpp"
#include "util/countdown.hpp"

namespace hsfwd::cli {

class TunnelSet {
 public:
  struct Changes {
    std::size_t kept = 0;
    std::size_t changed = 0;
    std::size_t started = 0;
    std::size_t stopped = 0;
    std::vector<Tunnel::Problem> failed = {};  // what of the plan has not taken effect
    std::vector<PeerWish> wishes = {};         // of those that are changed or started
  };

  /// None yet. The node runs.
  explicit TunnelSet(App& app);
  ~TunnelSet();

  /// Makes the running tunnels those of `plan`, or leaves everything as it is and throws UserError.
  /// What is the same in both continues undisturbed, or is still tried. What one of them cannot change
  /// stays as it was in that one, and is in Changes::failed. `done` is called later, once what was
  /// stopped has said goodbye; no other change may begin before that.
  void change_to(Plan plan, Unavailable unavailable, std::function<void(const Changes&)> done);
  /// Ends all of them with the program, then calls `done`.
  void leave(std::function<void()> done);

  const Plan& plan() const { return plan_; }
  /// Those of the plan, in its order.
  const std::vector<std::unique_ptr<Tunnel>>& tunnels() const { return tunnels_; }

 private:
  using Tunnels = std::vector<std::unique_ptr<Tunnel>>;

  Tunnels prepare(const Plan& plan, const std::vector<std::size_t>& added,
                  Unavailable unavailable) const;
  static void refuse_if_idle(const Tunnels& fresh);
  /// The matches of `diff`, at their places in `plan`. What fails is added to changes_.
  Tunnels keep(const Plan& plan, const PlanDiff& diff);
  void add_wish(const Tunnel& tunnel);
  void on_network_change();
  void let_go(Tunnels removed);
  void on_closed(const Tunnel& tunnel);
  void finish_change();

  App& app_;
  Plan plan_;
  Tunnels tunnels_;

  // The change under way
  Changes changes_;
  std::function<void(const Changes&)> done_;
  Tunnels leaving_;
  Timer leave_timer_;
  Task done_task_;

  Countdown left_;
};

}  // namespace hsfwd::cli
