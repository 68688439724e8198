// SPDX-License-Identifier: Apache-2.0
#include "cli/last_failure.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace hsfwd::cli {

void LastFailure::set(Of of, const std::string& why, bool reached) {
  const Instant now = app_.scheduler().now();
  failure_ = Failure{of, why, now, failure_ ? failure_->since : now, reached};
}

void LastFailure::on_open(std::uint64_t id) {
  clear();
  open_.insert(id);
}

void LastFailure::on_closed(const forward::ClosedConnection& closed, bool answers) {
  const bool opened = open_.erase(closed.id) > 0;
  const bool of_peer = !closed.reason.empty() && !closed.reason.starts_with(forward::kLocalReason);
  const bool succeeded = opened && (!answers || closed.stats.from_peer > 0);
  if (of_peer && !succeeded) set(Of::kClient, closed.reason, opened);
}

/// A session that began later shows that the peer is there.
bool LastFailure::is_over(const PublicKey& peer) const {
  if (failure_->reached) return false;
  const auto sessions = app_.node().sessions();
  return std::any_of(sessions.begin(), sessions.end(), [&](const SessionInfo& session) {
    return session.key == peer && session.since > failure_->at;
  });
}

std::optional<Trouble> LastFailure::trouble(const std::string& listen, const PeerReference& peer,
                                            const std::string& service) const {
  if (!failure_ || is_over(peer.key)) return std::nullopt;
  const std::string name = brief_name(peer);
  std::string why = failure_->why;
  if (why.starts_with(peer.name + ": ")) why.erase(0, peer.name.size() + 2);
  return Trouble{.code = "NOT_REACHED",
                 .thing = listen,
                 .state = fmt::format("no way to {}{}{}", service.empty() ? "" : "service ",
                                      service, service.empty() ? name : " of " + name),
                 .why = std::move(why),
                 .advice = failure_->reached
                               ? "see there whether that service runs; the next client tries again"
                               : advice_about(app_, peer.key),
                 .since = failure_->since,
                 .of_network = true};
}

std::uint64_t LastFailure::seconds() const {
  return static_cast<std::uint64_t>((app_.scheduler().now() - failure_->at).to_millis() / 1000);
}

}  // namespace hsfwd::cli
