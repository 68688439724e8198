// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "cli/service_question.hpp"
#include "cli/tunnel.hpp"

namespace hsfwd::cli {

/// Asks the peers of tunnels whether they answer this key and have what is wanted of them: neither an
/// announcement nor a local port that is open shows that.
class PeerQuestions {
 public:
  using Wanted = std::set<PeerWish::Wanted>;
  using OnProblem =
      std::function<void(const PeerReference& peer, const Wanted& wanted, const UserError& error)>;

  explicit PeerQuestions(App& app) : app_(app) {}

  /// Beside what is asked already, of which `on_problem` is told from now on. `done` is called once nothing is asked any
  /// more, maybe from inside.
  void ask(const std::vector<PeerWish>& wishes, OnProblem on_problem, std::function<void()> done);

 private:
  /// A configuration may have hundreds of peers, and each answer costs a dial.
  static constexpr std::size_t kAtOnce = 4;

  struct Peer {
    PeerReference peer;
    Wanted wanted;
  };
  void ask_more();
  void ask_one(Peer peer);
  void on_answered(const ServiceQuestion* question);

  App& app_;
  OnProblem on_problem_;
  std::function<void()> done_;
  std::deque<Peer> waiting_;
  std::vector<std::unique_ptr<ServiceQuestion>> asking_;
};

/// The tunnel is among those that a problem is of.
bool is_wish_of(const Tunnel& tunnel, const PeerReference& peer,
                const PeerQuestions::Wanted& wanted);

}  // namespace hsfwd::cli
