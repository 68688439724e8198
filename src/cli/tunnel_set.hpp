// SPDX-License-Identifier: Apache-2.0
// All tunnels of a configuration, which can change to another configuration while they run.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "cli/plan.hpp"
#include "cli/tunnels.hpp"

namespace hsfwd::cli {

class TunnelSet {
 public:
  /// Exposed identities and local addresses.
  struct Changes {
    std::size_t kept = 0;
    std::size_t changed = 0;
    std::size_t started = 0;
    std::size_t stopped = 0;
  };

  /// None yet. The node runs.
  explicit TunnelSet(App& app);
  ~TunnelSet();

  /// What to do about a local address that another program has, or that this machine lacks.
  enum class Unavailable {
    kRefused,   // as any other error
    kTryAgain,  // the rest, if any, runs without it meanwhile
  };

  /// Makes the running tunnels those of `plan`, or leaves everything as it is and throws UserError.
  /// What is the same in both continues undisturbed, or is still tried. `done` is called later, once
  /// what was stopped has said goodbye; no other change may begin before that.
  void change_to(Plan plan, Unavailable unavailable, std::function<void(const Changes&)> done);

  const Plan& plan() const { return plan_; }
  /// In the order of the plan.
  const std::vector<std::unique_ptr<Exposure>>& exposures() const { return exposures_; }
  const std::vector<std::unique_ptr<PeerTunnel>>& tunnels() const { return tunnels_; }

 private:
  struct Fresh;
  Fresh prepare(const Plan& plan, const std::vector<std::size_t>& exposes,
                const std::vector<std::size_t>& connects, Unavailable unavailable);
  /// `keys` that are exposed already; the new one is added.
  std::unique_ptr<Exposure> prepare(const Plan::Expose& expose, std::set<PublicKey>& keys,
                                    Unavailable unavailable);
  static void refuse_if_idle(const Fresh& fresh);
  void start(Exposure& exposure);
  void let_go(std::vector<std::unique_ptr<Exposure>> exposures);
  void on_closed(const Exposure& exposure);
  void finish_change();
  void say_goodbye(const std::function<void()>& done);

  App& app_;
  Plan plan_;
  std::vector<std::unique_ptr<Exposure>> exposures_;
  std::vector<std::unique_ptr<PeerTunnel>> tunnels_;

  // The change under way
  Changes changes_;
  std::function<void(const Changes&)> done_;
  std::vector<std::unique_ptr<Exposure>> leaving_;
  Timer leave_timer_;
  Task done_task_;
};

}  // namespace hsfwd::cli
