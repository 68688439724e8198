// SPDX-License-Identifier: Apache-2.0
#include "cli/peer_questions.hpp"

#include <algorithm>
#include <utility>

namespace hsfwd::cli {

void PeerQuestions::ask(const std::vector<PeerWish>& wishes, OnProblem on_problem,
                        std::function<void()> done) {
  on_problem_ = std::move(on_problem);
  done_ = std::move(done);
  for (const PeerWish& wish : wishes) {
    auto found = std::find_if(waiting_.begin(), waiting_.end(),
                              [&](const Peer& one) { return one.peer.same_peer(wish.peer); });
    if (found == waiting_.end()) found = waiting_.insert(found, {wish.peer, {}});
    found->wanted.insert(wish.wanted);
  }
  ask_more();
}

void PeerQuestions::ask_more() {
  while (asking_.size() < kAtOnce && !waiting_.empty()) {
    Peer next = std::move(waiting_.front());
    waiting_.pop_front();
    ask_one(std::move(next));
  }
  if (asking_.empty() && done_) std::exchange(done_, nullptr)();
}

void PeerQuestions::ask_one(Peer peer) {
  auto question = std::make_unique<ServiceQuestion>(app_, peer.peer, peer.wanted);
  ServiceQuestion* const raw = question.get();
  asking_.push_back(std::move(question));
  raw->ask([this, who = std::move(peer.peer)](
               const Wanted& wanted, const UserError& error) { on_problem_(who, wanted, error); },
           [this, raw] { on_answered(raw); });
}

void PeerQuestions::on_answered(const ServiceQuestion* question) {
  const auto found = std::find_if(asking_.begin(), asking_.end(),
                                  [&](const auto& one) { return one.get() == question; });
  app_.scheduler().delete_later(std::move(*found));
  asking_.erase(found);
  ask_more();
}

bool is_wish_of(const Tunnel& tunnel, const PeerReference& peer,
                const PeerQuestions::Wanted& wanted) {
  const auto wish = tunnel.wish();
  return wish && wish->peer.same_peer(peer) && wanted.contains(wish->wanted);
}

}  // namespace hsfwd::cli
