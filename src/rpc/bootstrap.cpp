// SPDX-License-Identifier: Apache-2.0
#include "rpc/bootstrap.hpp"

namespace hsfwd::rpc {

Bootstrap::Bootstrap(Scheduler& scheduler, BootstrapOptions options, BootstrapHost& host)
    : options_(options), host_(host), look_again_task_(scheduler, [this] { look(); }) {}

void Bootstrap::start() {
  look();
}

void Bootstrap::look_again() {
  state_ = State::kIdle;
  look_again_task_.post();
}

void Bootstrap::look() {
  pong_ = options_.quick_check && !options_.always_check && host_.firewalled() ? Pong::kWanted
                                                                               : Pong::kUnwanted;
  ask(State::kAsking);
}

void Bootstrap::ask(State asking) {
  state_ = asking;
  responses_before_ = host_.responses();
  host_.find_neighbours();
}

void Bootstrap::on_reply(const net::Address& from) {
  if (pong_ != Pong::kWanted) return;
  pong_ = Pong::kAwaited;
  host_.ask_for_pong(from);
}

void Bootstrap::on_pong(bool came) {
  pong_ = came ? Pong::kCame : Pong::kMissing;
  if (state_ == State::kAwaitingPong) conclude_query();
}

void Bootstrap::on_query_done() {
  if (state_ == State::kAsking && bootstrapped_ && pong_ == Pong::kAwaited) {
    state_ = State::kAwaitingPong;
  } else {
    conclude_query();
  }
}

void Bootstrap::conclude_query() {
  heard_nobody_ = options_.looks_again && host_.responses() == responses_before_;
  const bool worth_checking = options_.always_check || pong_ == Pong::kCame;
  if (state_ == State::kAskingAgain || !worth_checking) {
    finish();
    return;
  }
  state_ = State::kChecking;
  host_.check_reachability();
}

void Bootstrap::on_checked(bool changed) {
  if (changed && !bootstrapped_) {
    ask(State::kAskingAgain);
  } else {
    finish();
  }
}

void Bootstrap::finish() {
  state_ = heard_nobody_ ? State::kAlone : State::kDone;
  if (!heard_nobody_) host_.on_looked();
  if (bootstrapped_) return;
  bootstrapped_ = true;
  host_.on_first_look();
}

void Bootstrap::on_tick() {
  if (state_ == State::kAlone && host_.responses() > responses_before_) look();
}

}  // namespace hsfwd::rpc
