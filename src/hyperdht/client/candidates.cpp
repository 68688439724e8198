// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/client/candidates.hpp"

#include <utility>

#include "hyperdht/nat/context.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr Duration kPassiveWait = 10_s;  // for a peer that was told that we are reachable
}  // namespace

bool PassiveWait::start() {
  timer_.start(kPassiveWait);
  return true;
}

PunchCandidate::PunchCandidate(PathRace& race, const Context& context, PunchTerms terms,
                               const AttemptLog& log)
    : race_(race), context_(context), terms_(std::move(terms)), log_(log) {}

bool PunchCandidate::start() {
  ClientPunch::Observer& observer = *this;
  punch_ = std::make_unique<ClientPunch>(context_, std::move(terms_), log_, observer);
  return true;
}

void PunchCandidate::cancel() {
  if (punch_) punch_->cancel();
}

void PunchCandidate::explain(AttemptFailure& failure) const {
  if (!punch_) return;
  failure.own_nat = punch_->own_firewall();
  failure.peer_nat = punch_->remote_firewall();
  if (failure_) failure.punch = failure_;
}

void PunchCandidate::on_punched(net::UdpSocket& socket, const Address& from) {
  race_.won({socket, from, path_kind_of(from)});
}

void PunchCandidate::on_open_server(const Address& address) {
  log_.note(AttemptStep::kDirect, "the peer accepts packets from anybody at {}",
            address.to_string());
  race_.won({context_.node.sending_socket(), address, path_kind_of(address)});
}

void PunchCandidate::on_punch_failed(PunchFailure failure) {
  failure_ = failure;
  race_.lost(*this);
}

}  // namespace hsfwd::hyperdht
