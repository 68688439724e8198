// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/nat/mapping_watch.hpp"

#include <algorithm>
#include <utility>

#include "hyperdht/nat/context.hpp"

namespace hsfwd::hyperdht {

namespace {
// From one question to the next.
constexpr Duration kPause = 4_s;
// One that is older than this may have ended before it was looked at.
constexpr Duration kTooOld = MappingWatch::kLasts + 5_s;
// A mapping of that age is not one that ends by age.
constexpr Duration kLong = 80_s;
// By then nobody has answered for long, and nothing is known.
constexpr Duration kGivenUp = 3_min;
// One node that lies is not to decide it.
constexpr int kEnoughDenials = 2;
constexpr std::size_t kWitnesses = 3;
}  // namespace

MappingWatch::MappingWatch(const Context& context)
    : context_(context),
      ping_(context.node.calls(), [this](const rpc::CallResult& result) { on_pong(result); }),
      timer_(context.env.scheduler, [this] { ask(); }) {}

bool MappingWatch::is_old(Instant opened_at) const {
  return verdict_ != Verdict::kKept && context_.env.now() - opened_at >= kLasts;
}

void MappingWatch::observe(std::shared_ptr<PoolSocket> socket) {
  if (socket_ || verdict_ == Verdict::kKept || !is_old(socket->opened_at())) return;
  if (context_.env.now() - socket->opened_at() > kTooOld) return;
  socket_ = std::move(socket);
  ask();
}

void MappingWatch::reset() {
  cancel();
  verdict_ = Verdict::kUnknown;
}

void MappingWatch::cancel() {
  timer_.stop();
  ping_.cancel();
  socket_.reset();
  seen_as_.reset();
  not_by_.reset();
  first_answers_.clear();
  denials_ = 0;
}

void MappingWatch::settle(Verdict verdict) {
  cancel();
  if (std::exchange(verdict_, verdict) == verdict) return;
  context_.env.log.info("punch", "the NAT {} mappings that are in use",
                        verdict == Verdict::kEnded ? "ends" : "keeps");
}

void MappingWatch::ask() {
  if (context_.env.now() - socket_->opened_at() >= kGivenUp) return cancel();
  timer_.start(kPause);
  if (ping_.active()) return;
  const rpc::RoutingNode* const node = context_.node.table().random(context_.env.random, not_by_);
  if (node != nullptr) context_.node.ping(ping_, node->address, &socket_->socket());
}

void MappingWatch::on_pong(const rpc::CallResult& result) {
  if (!result) return;
  const net::Address seen_as = result->message.to;
  not_by_ = result->from.host;
  if (!seen_as_) {
    const auto& before = first_answers_;
    if (std::find(before.begin(), before.end(), seen_as) != before.end()) {
      seen_as_ = seen_as;
      return;
    }
    first_answers_.push_back(seen_as);
    // To each node it is another: a further punch from such a NAT costs more than a pause.
    return first_answers_.size() < kWitnesses ? ask() : settle(Verdict::kKept);
  }
  const bool same = *seen_as_ == seen_as;
  denials_ = same ? 0 : denials_ + 1;
  if (denials_ >= kEnoughDenials) return settle(Verdict::kEnded);
  if (denials_ > 0) return ask();
  if (context_.env.now() - socket_->opened_at() >= kLong) settle(Verdict::kKept);
}

}  // namespace hsfwd::hyperdht
