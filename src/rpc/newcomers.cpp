// SPDX-License-Identifier: Apache-2.0
#include "rpc/newcomers.hpp"

#include <algorithm>
#include <utility>

#include "util/hash.hpp"

namespace hsfwd::rpc {

namespace {
constexpr Duration kPongPatience = 4_s;          // as for any other question
constexpr std::size_t kPlacesOfNetworks = 1024;  // of 24 bytes
}  // namespace

Newcomers::Newcomers(const net::Env& env)
    : env_(env),
      secret_(env.random.u64()),
      all_(kAll),
      networks_(kNetwork, kPlacesOfNetworks, secret_) {}

/// Nobody else knows which nodes share one.
Newcomers::Place& Newcomers::place(const net::Address& node) {
  return places_[mixed(node.number(), secret_) % kPlaces];
}

/// Whole networks live on one private host.
bool Newcomers::take(const net::Address& node) {
  const Instant now = env_.now();
  const bool local = net::is_private(node.host);
  const std::uint64_t network = node.host.slash_24().value;
  if (!local && networks_.level(network, now) < 1) return false;
  if (!all_.try_take(now, 1)) return false;
  if (!local) networks_.take(network, now, 1);
  return true;
}

std::optional<std::uint16_t> Newcomers::begin(const net::UdpSocket& socket,
                                              const net::Address& node) {
  if (places_.empty()) places_.resize(kPlaces);
  Place& found = place(node);
  const Instant now = env_.now();
  if (found.node == node && now - found.at < kPause) return std::nullopt;
  if (!take(node)) return std::nullopt;
  found = {node, &socket, now, static_cast<std::uint16_t>(env_.random.u32()), true};
  return found.tid;
}

bool Newcomers::begin_trial(const Trial& trial) {
  const bool local = net::is_private(trial.node.host);
  const bool neighbours = std::any_of(trials_.begin(), trials_.end(), [&](const Trial& other) {
    return !local && other.node.host.slash_24() == trial.node.host.slash_24();
  });
  if (neighbours || trials_.size() >= kTrials) return false;
  trials_.push_back(trial);
  return true;
}

std::vector<Newcomers::Trial> Newcomers::end_trials() {
  std::vector<Trial> out;
  std::erase_if(trials_, [&](const Trial& trial) {
    if (trial.pinged) out.push_back(trial);
    return trial.pinged;
  });
  return out;
}

std::vector<Newcomers::Trial> Newcomers::next_trials() {
  for (Trial& trial : trials_) trial.pinged = true;
  return trials_;
}

bool Newcomers::on_response(const net::UdpSocket& socket, const net::Address& from,
                            std::uint16_t tid) {
  if (places_.empty()) return false;
  Place& found = place(from);
  if (found.node != from || !std::exchange(found.waits, false)) return false;
  return found.tid == tid && found.socket == &socket && env_.now() - found.at < kPongPatience;
}

}  // namespace hsfwd::rpc
