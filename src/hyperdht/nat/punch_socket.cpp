// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/nat/punch_socket.hpp"

#include <algorithm>
#include <optional>

#include "hyperdht/nat/context.hpp"
#include "hyperdht/nat/mapping_watch.hpp"

namespace hsfwd::hyperdht {

namespace {
// Some NATs forget a UDP mapping after thirty seconds (RFC 4787 asks for two minutes and more). A mapping that
// may end by its age is old when one of these is due.
constexpr Duration kKeepalive = MappingWatch::kLasts / 3 + 100_ms;
// A pong disproves that a NAT is consistent. That it has become so only a fresh socket can show.
constexpr Duration kRecheckRandom = 2_min;
// One node that lies is not to have the socket replaced: another one has to say the same.
constexpr int kDenials = 2;
}  // namespace

PunchSocket::PunchSocket(const Context& context)
    : context_(context),
      ping_(context.node.calls(), [this](const rpc::CallResult& result) { on_pong(result); }),
      keepalive_timer_(context.env.scheduler, [this] { on_keepalive(); }) {
  renew();
}

PunchSocket::~PunchSocket() {
  cancel();
}

void PunchSocket::cancel() {
  keepalive_timer_.stop();
  ping_.cancel();
  if (probe_) probe_->cancel();
}

void PunchSocket::renew() {
  ping_.cancel();
  denials_ = 0;
  keepalive_timer_.start(kKeepalive);
  renewed_at_ = context_.env.now();
  auto acquired = context_.endpoint.acquire();
  if (!acquired) return;  // with the next keepalive
  context_.env.scheduler.retire(std::move(probe_));
  socket_ = std::move(*acquired);
  probe_ = std::make_unique<NatProbe>(context_, socket_->socket(), [] {});
}

void PunchSocket::on_keepalive() {
  keepalive_timer_.start(kKeepalive);
  const bool unknown = !socket_ || (probe_->settled() && probe_->nat().unknown());
  if (ready() && nat().verdict() == Firewall::kConsistent &&
      context_.mappings.is_old(socket_->opened_at())) {
    const std::shared_ptr<PoolSocket> left = socket_;
    renew();
    return context_.mappings.observe(left);
  }
  const bool old = context_.env.now() - renewed_at_ >= kRecheckRandom;
  if (unknown || (old && ready() && nat().verdict() == Firewall::kRandom)) {
    renew();
    return;
  }
  if (!ping_.active()) ping_one(std::nullopt);
}

void PunchSocket::ping_one(std::optional<net::Ipv4> not_near) {
  const rpc::RoutingNode* const node = context_.node.table().random(context_.env.random, not_near);
  if (node != nullptr) context_.node.ping(ping_, node->address, &socket_->socket());
}

void PunchSocket::on_pong(const rpc::CallResult& result) {
  if (!result || !ready() || nat().verdict() != Firewall::kConsistent) return;
  const auto& known = nat().addresses();
  const bool same = std::find(known.begin(), known.end(), result->message.to) != known.end();
  denials_ = same ? 0 : denials_ + 1;
  if (denials_ == 0) return;
  if (denials_ < kDenials) {
    ping_one(result->from.host);
    return;
  }
  context_.env.log.info("punch", "the NAT has mapped the socket to another address, {}",
                        result->message.to.to_string());
  renew();
}

void SharedPunchSocket::want(bool wanted) {
  if (!wanted) context_.env.scheduler.retire(std::move(socket_));
  if (wanted && !socket_) socket_ = std::make_unique<PunchSocket>(context_);
}

void SharedPunchSocket::renew() {
  if (socket_) socket_->renew();
}

}  // namespace hsfwd::hyperdht
