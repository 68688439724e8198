// SPDX-License-Identifier: Apache-2.0
#include "rpc/membership.hpp"

#include <utility>

namespace hsfwd::rpc {

namespace {
// Upstream's, in ticks of five seconds.
constexpr std::uint32_t kStableTicks = 240;      // 20 min before the first check
constexpr std::uint32_t kMoreStableTicks = 720;  // an hour between further checks
}  // namespace

Membership::Membership(bool firewalled, bool adaptive)
    : state_(firewalled ? State::kFirewalled : State::kOpen),
      adaptive_(adaptive),
      stable_in_(kStableTicks) {}

void Membership::open() {
  if (firewalled()) state_ = State::kOpen;
}

bool Membership::settle(bool same, bool persist) {
  const bool again = std::exchange(was_persistent_, false) && same;
  open();
  if (persist || again) state_ = State::kPersistent;
  return persist || again;
}

bool Membership::doubt() {
  last_checked_.reset();
  const bool was = persistent();
  state_ = State::kFirewalled;
  was_persistent_ |= was;
  return was;
}

bool Membership::sleep() {
  stable_in_ = kMoreStableTicks;
  last_checked_.reset();
  was_persistent_ = false;
  if (!adaptive_ || !persistent()) return false;
  state_ = State::kOpen;
  return true;
}

bool Membership::check_is_due(const std::optional<net::Ipv4>& host) {
  if (!adaptive_ || persistent()) return false;
  if (stable_in_ > 0 && --stable_in_ > 0) return false;
  if (last_checked_ != host) return true;
  stable_in_ = kMoreStableTicks;
  return false;
}

void Membership::note_check(const std::optional<net::Ipv4>& host) {
  stable_in_ = kMoreStableTicks;
  last_checked_ = host;
}

}  // namespace hsfwd::rpc
