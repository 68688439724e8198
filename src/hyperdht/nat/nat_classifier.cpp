// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/nat/nat_classifier.hpp"

#include <algorithm>

namespace hsfwd::hyperdht {

NatClassifier::NatClassifier(bool firewalled)
    : firewalled_(firewalled), verdict_(firewalled ? Firewall::kUnknown : Firewall::kOpen) {}

bool NatClassifier::add(const net::Address& ours, const net::Address& reporter) {
  if (std::find(reporters_.begin(), reporters_.end(), reporter) != reporters_.end()) return false;
  reporters_.push_back(reporter);
  count(hosts_, {ours.host, 0});
  count(full_, ours);
  ++samples_;
  if ((samples_ >= kVerdictFrom || !firewalled_) && !frozen_) update();
  return true;
}

void NatClassifier::unfreeze() {
  frozen_ = false;
  update();
}

bool NatClassifier::settled() const {
  return verdict_ == Firewall::kConsistent || verdict_ == Firewall::kOpen ||
         samples_ >= kEnoughSamples;
}

bool NatClassifier::was_seen_at(const net::Address& address) const {
  return std::any_of(full_.begin(), full_.end(),
                     [&](const Tally& tally) { return tally.value == address; });
}

bool NatClassifier::was_seen_at(net::Ipv4 host) const {
  return std::any_of(hosts_.begin(), hosts_.end(),
                     [&](const Tally& tally) { return tally.value.host == host; });
}

/// An entry moves up only past entries with fewer hits, so equal ones keep the order of arrival.
void NatClassifier::count(std::vector<Tally>& tallies, const net::Address& value) {
  auto at = std::find_if(tallies.begin(), tallies.end(),
                         [&](const Tally& tally) { return tally.value == value; });
  if (at == tallies.end()) at = tallies.insert(tallies.end(), Tally{value, 0});
  ++at->hits;
  for (; at != tallies.begin() && std::prev(at)->hits < at->hits; --at) {
    std::iter_swap(at, std::prev(at));
  }
}

Firewall NatClassifier::decide() const {
  if (!firewalled_) return Firewall::kOpen;
  if (samples_ < kVerdictFrom) return verdict_;
  const int top = full_.front().hits;
  if (top >= 3) return Firewall::kConsistent;
  if (top == 1) return Firewall::kRandom;
  // Two agree. That is chance when all the others disagree on the port of the one host.
  if (hosts_.size() == 1 && samples_ > kVerdictFrom) return Firewall::kRandom;
  if (hosts_.size() > 1 && full_[1].hits > 1) return Firewall::kConsistent;
  if (samples_ > kEnoughSamples) return Firewall::kRandom;
  return verdict_;
}

void NatClassifier::update() {
  verdict_ = decide();
  if (verdict_ == Firewall::kOpen) return;
  addresses_.clear();
  if (verdict_ == Firewall::kRandom) addresses_.push_back(hosts_.front().value);
  if (verdict_ != Firewall::kConsistent) return;
  for (const Tally& tally : full_) {
    if (tally.hits >= 2 || addresses_.size() < 2) addresses_.push_back(tally.value);
  }
}

}  // namespace hsfwd::hyperdht
