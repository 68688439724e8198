// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/nat/outcomes.hpp"

#include <algorithm>
#include <string>

#include "util/metrics.hpp"

namespace hsfwd::hyperdht {

namespace {

// In the order of their enumerations.
constexpr const char* kRoles[] = {"client", "server"};
constexpr const char* kStrategies[] = {"early", "consistent", "random_probes", "birthday"};

/// As labels are written.
std::string small(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

}  // namespace

void Outcomes::collect(MetricSink& sink) const {
  for (std::size_t i = 0; i < reached_.size(); ++i) {
    sink.counter("hsfwd_peers_reached", "Attempts that reached the peer, by their first path",
                 reached_[i], {{"path", to_string(static_cast<PathKind>(i))}});
  }
  // Those behind it end connections that were open.
  for (std::size_t i = index(ConnectError::kPeerNotFound); i <= index(ConnectError::kPlainPeer);
       ++i) {
    sink.counter("hsfwd_peers_not_reached", "Attempts that failed", failed_[i],
                 {{"reason", small(to_string(static_cast<ConnectError>(i)))}});
  }
  for (std::size_t role = 0; role < punches_.size(); ++role) {
    for (std::size_t i = 0; i < punches_[role].size(); ++i) {
      const MetricLabels labels = {{"role", kRoles[role]}, {"strategy", kStrategies[i]}};
      sink.counter("hsfwd_punches", "Hole punches that were begun", punches_[role][i].begun,
                   labels);
      sink.counter("hsfwd_punches_opened", "Of these, with a path behind them",
                   punches_[role][i].opened, labels);
    }
  }
  for (std::size_t i = 0; i < punch_failed_.size(); ++i) {
    sink.counter("hsfwd_punches_given_up", "Punches of clients that came to nothing",
                 punch_failed_[i], {{"reason", to_string(static_cast<PunchFailure>(i))}});
  }
}

}  // namespace hsfwd::hyperdht
