// SPDX-License-Identifier: Apache-2.0
#include "cli/last_failure.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace hsfwd::cli {

using forward::Cause;

void LastFailure::lead_to(const PublicKey& peer) {
  peer_ = peer;
  failure_.reset();
  first_.reset();
}

void LastFailure::set(Of of, const std::string& why, bool reached) {
  const Instant now = app_.scheduler().now();
  if (failure_ && is_over()) first_.reset();
  if (!first_) first_ = now;
  failure_ = Failure{of, why, now, reached};
}

/// A peer whose service is down opens each connection, too, and then resets it: that ends no row of failures.
void LastFailure::on_open(std::uint64_t id) {
  failure_.reset();
  open_.insert(id);
}

void LastFailure::on_closed(const forward::ClosedConnection& closed, bool answers) {
  const bool opened = open_.erase(closed.id) > 0;
  const bool reached = opened || closed.cause == Cause::kRefused || closed.cause == Cause::kPeer;
  const bool of_peer = closed.cause == Cause::kRefused || closed.cause == Cause::kPeer ||
                       closed.cause == Cause::kNoPeer;
  const bool succeeded = opened && (!answers || closed.stats.from_peer > 0);
  if (succeeded) first_.reset();
  if (of_peer && !succeeded) set(Of::kClient, closed.reason, reached);
}

/// Whatever reached the peer later shows that it is there, as does a session that has an answer to all it sent: one that is
/// there while a client fails is silent. A session may have ended again, and an attempt been one of many, so both are looked at.
bool LastFailure::is_over() const {
  if (failure_->reached) return false;
  const auto sessions = app_.node().sessions();
  const bool has_session = std::any_of(
      sessions.begin(), sessions.end(),
      [&](const SessionInfo& session) { return session.key == peer_ && !session.silent; });
  const auto& attempts = app_.attempts().list();
  return has_session || std::any_of(attempts.begin(), attempts.end(), [&](const auto& attempt) {
           return attempt->peer == peer_ && attempt->opened_at &&
                  *attempt->opened_at > failure_->at;
         });
}

std::optional<Trouble> LastFailure::trouble(const std::string& listen, const PeerReference& peer,
                                            const std::string& service) const {
  if (!failure_ || is_over()) return std::nullopt;
  const std::string name = brief_name(peer);
  std::string why = failure_->why;
  // What is said of a question names the peer first, unless it is the peer that has said it.
  const std::string named = peer.name + ": ";
  if (failure_->of == Of::kQuestion && !failure_->reached && why.starts_with(named)) {
    why.erase(0, named.size());
  }
  return Trouble{.code = "NOT_REACHED",
                 .thing = listen,
                 .state = fmt::format("no way to {}{}{}", service.empty() ? "" : "service ",
                                      service, service.empty() ? name : " of " + name),
                 .why = std::move(why),
                 .advice = failure_->reached
                               ? "see there whether that service runs; the next client tries again"
                               : advice_about(app_, peer.key),
                 .since = first_,
                 .of_network = true};
}

std::uint64_t LastFailure::seconds() const {
  return static_cast<std::uint64_t>((app_.scheduler().now() - failure_->at).to_millis() / 1000);
}

}  // namespace hsfwd::cli
