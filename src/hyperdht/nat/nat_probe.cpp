// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/nat/nat_probe.hpp"

#include <algorithm>

#include "hyperdht/nat/context.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr std::size_t kFirstWave = NatClassifier::kEnoughSamples + 1;
constexpr Duration kWaveInterval = 250_ms;
constexpr int kMaxWaves = 8;  // two seconds in all, as upstream's two rounds of one second
// The nodes heard of last are those that relay for this connection, and report by themselves.
constexpr std::size_t kSkippedNodes = 5;
constexpr std::size_t kSkipFrom = 8;  // known nodes
}  // namespace

NatProbe::NatProbe(const Context& context, net::UdpSocket& socket, std::function<void()> on_settled)
    : context_(context),
      socket_(socket),
      nat_(context.node.firewalled()),
      wave_timer_(context.env.scheduler, [this] { on_wave(); }),
      settled_task_(context.env.scheduler, std::move(on_settled)) {
  ask(kFirstWave);
  wave_timer_.start(kWaveInterval);
  if (settled()) settled_task_.post();
}

NatProbe::NatProbe(const Context& context, net::UdpSocket& socket, NatClassifier known)
    : context_(context),
      socket_(socket),
      nat_(std::move(known)),
      gave_up_(true),
      wave_timer_(context.env.scheduler, [] {}),
      settled_task_(context.env.scheduler, [] {}) {}

bool NatProbe::asked(const net::Address& node) const {
  return std::find(asked_.begin(), asked_.end(), node) != asked_.end();
}

bool NatProbe::asked_neighbour(net::Ipv4 host) const {
  return std::any_of(asked_.begin(), asked_.end(), [&](const net::Address& node) {
    return rpc::are_neighbours(node.host, host);
  });
}

void NatProbe::ask(std::size_t count) {
  for (; count > 0 && ask_one(true); --count) ++strangers_asked_;
  scarce_ = count > 0 && strangers_asked_ < NatClassifier::kVerdictFrom;
  while (count > 0 && ask_one(false)) --count;
}

bool NatProbe::ask_one(bool strangers_only) {
  const rpc::RoutingTable& table = context_.node.table();
  std::size_t skip = table.size() >= kSkipFrom ? kSkippedNodes : 0;
  for (rpc::RoutingNode* node = table.newest(); node != nullptr; node = node->older) {
    if (skip > 0) {
      --skip;
      continue;
    }
    if (asked(node->address) || (strangers_only && asked_neighbour(node->address.host))) continue;
    asked_.push_back(node->address);
    calls_.push_back(
        std::make_unique<rpc::Call>(context_.node.calls(), [this](const rpc::CallResult& result) {
          if (result) add(result->message.to, result->from);
        }));
    context_.node.ping(*calls_.back(), node->address, &socket_, 1);
    return true;
  }
  return false;
}

/// A network of which all nodes live in a few places has to do with what they say.
bool NatProbe::counts(const net::Address& ours, const net::Address& reporter) {
  if (!rpc::may_see(reporter, ours)) return false;
  const bool heard = std::any_of(heard_.begin(), heard_.end(), [&](net::Ipv4 host) {
    return rpc::are_neighbours(host, reporter.host);
  });
  if (!heard) heard_.push_back(reporter.host);
  return !heard || scarce_;
}

void NatProbe::add(const net::Address& ours, const net::Address& reporter) {
  if (!counts(ours, reporter)) return;
  const bool was_settled = settled();
  nat_.add(ours, reporter);
  if (!settled()) return;
  wave_timer_.stop();
  if (!was_settled) settled_task_.post();
}

void NatProbe::cancel() {
  wave_timer_.stop();
  settled_task_.cancel();
  for (const auto& call : calls_) call->cancel();
}

void NatProbe::on_wave() {
  if (++waves_ >= kMaxWaves) {
    gave_up_ = true;
    settled_task_.post();
    return;
  }
  ask(NatClassifier::kEnoughSamples - std::min(nat_.samples(), NatClassifier::kEnoughSamples));
  wave_timer_.start(kWaveInterval);
}

}  // namespace hsfwd::hyperdht
