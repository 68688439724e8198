// SPDX-License-Identifier: Apache-2.0
#include "node/client_session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hyperdht/wire/key_text.hpp"

namespace hsfwd {

namespace {

// A session that nobody uses is kept for who comes back soon.
constexpr Duration kKept = 60_s;
// The peer's sign of life comes within a round trip; what takes longer than that and this is worth a dial
// beside, which costs little if it was for nothing.
constexpr Duration kAnswerTime = 200_ms;
// What is connected without patience is left to the link, which takes longer than a new connection waits.
constexpr Duration kNewcomersWait = 3_s;
// Between dials that brought nothing, each twice as long as the one before.
constexpr Duration kFirstRest = 500_ms;
constexpr Duration kLongestRest = 2_s;
// While another path is looked for, the old one may be back: what waits should not wait for the new one then.
constexpr Duration kBetweenLooks = 250_ms;
// A dial that began while the peer was away asks less and less often: another one finds it sooner.
constexpr Duration kDialAnswerTime = 5_s;
// However often the server asks for another path; twice as long after each that brought none.
constexpr Duration kBetweenRenewals = 7_s;
constexpr Duration kLongestBetweenRenewals = 2_min;

}  // namespace

ClientSession::ClientSession(hyperdht::Dht& dht, hyperdht::ConnectOptions options,
                             Duration patience, std::shared_ptr<SessionRecord> record,
                             std::unique_ptr<hyperdht::PeerSocket> link, Callbacks callbacks)
    : dht_(dht),
      scheduler_(dht.env().scheduler),
      options_(std::move(options)),
      patience_(patience),
      record_(std::move(record)),
      session_(record_->shared()),
      callbacks_(std::move(callbacks)),
      rest_(kFirstRest),
      renewal_rest_(kBetweenRenewals),
      ask_timer_(scheduler_, [this] { on_asked(); }),
      dial_timer_(scheduler_, [this] { dial(); }),
      answer_timer_(scheduler_,
                    [this] {
                      if (!answered_) on_dial_failed(ConnectError::kPeerConnectionFailed);
                    }),
      watch_timer_(scheduler_, [this] { look_whether_back(); }),
      idle_timer_(scheduler_, [this] {
        if (session_->streams() == 0) session_->end("it has not been used for a while");
      }) {
  options_.extension->features &= ~Extension::kKindsOfPackets;
  options_.extension->features |= Extension::kNoService | Extension::kSessions |
                                  Extension::kResume | Extension::kSessionPackets;
  options_.extension->service.clear();
  options_.extension->resume = to_bytes(session_->id().view());
  options_.timeline = [this](const hyperdht::AttemptEvent& event) {
    using Step = hyperdht::AttemptStep;
    answered_ |= event.step != Step::kSearch && event.step != Step::kHandshake;
  };
  options_.known_path = false;
  session_->start(std::move(link), *this);
  if (session_->streams() == 0) idle_timer_.start(kKept);
}

ClientSession::~ClientSession() {
  cancel();
}

void ClientSession::stop() {
  ask_timer_.stop();
  watch_timer_.stop();
  idle_timer_.stop();
  stop_dialling();
}

void ClientSession::cancel() {
  stop();
  session_->abandon();
  session_->end("the other side has ended");
}

Result<Extension, std::string> ClientSession::on_stream_wanted(const Extension&) {
  return Err(std::string("nothing is offered on this side"));
}

void ClientSession::on_idle() {
  idle_timer_.start(kKept);
}

void ClientSession::on_session_over(const std::string&) {
  stop();
  callbacks_.over();
}

// --- When the path may be lost ---

/// Most changes harm nothing, and many that do are over with a question from where this host is now.
void ClientSession::on_network_change() {
  ask();
}

void ClientSession::on_path_doubtful() {
  record_->on_unanswered();
  if (!session_->linked()) return dial();
  if (!ask_timer_.armed() && !dialled_ && !dial_timer_.armed()) ask();
}

void ClientSession::ask() {
  asked_at_ = scheduler_.now();
  if (!doubted_at_) doubted_at_ = asked_at_;
  session_->probe();
  ask_timer_.start(session_->rtt() + kAnswerTime);
}

void ClientSession::on_asked() {
  if (heard()) {
    calm_down();
    return callbacks_.back();
  }
  record_->on_unanswered();
  dial();
}

/// What was on its way for long looks the same, so the dial goes on.
void ClientSession::look_whether_back() {
  if (!session_->linked() || session_->heard_at() <= dialled_at_) {
    return watch_timer_.start(kBetweenLooks);
  }
  callbacks_.back();
}

/// Whatever it was, it is over; so is what it made us do.
void ClientSession::calm_down() {
  stop_dialling();
  ask_timer_.stop();
  watch_timer_.stop();
  doubted_at_.reset();
  lost_at_.reset();
  rest_ = kFirstRest;
  if (!std::exchange(told_, false)) return;
  const std::string key = hyperdht::key_text(session_->remote_key());
  dht_.env().log.about(key).warning("session", "{} answers again", key);
}

void ClientSession::tell_of_silence() {
  if (std::exchange(told_, true)) return;
  const std::string key = hyperdht::key_text(session_->remote_key());
  dht_.env().log.about(key).warning("session",
                                    "{} does not answer; waiting for it, for {:.0f} s at most", key,
                                    patience_.to_seconds());
}

void ClientSession::give_up() {
  const Duration silent = scheduler_.now() - session_->heard_at();
  session_->end(fmt::format("silent for {:.0f} s", silent.to_seconds()), ConnectError::kTimedOut);
}

/// If that brings nothing, the path that there is goes on.
void ClientSession::on_path_old() {
  const Instant now = scheduler_.now();
  const bool busy = dialled_ || dial_timer_.armed() || doubted_at_;
  if (now < next_renewal_ || busy || session_->streams() == 0) return;
  next_renewal_ = now + renewal_rest_;
  renewal_rest_ = std::min(renewal_rest_ * 2, kLongestBetweenRenewals);
  renewing_ = true;
  begin_dial();
}

void ClientSession::dial() {
  // A path is missed now.
  renewing_ = false;
  if (dialled_) return watch();
  dial_timer_.stop();
  if (!doubted_at_) doubted_at_ = scheduler_.now();
  // It has come back by itself.
  if (lost_at_ && session_->linked() && session_->heard_at() > *lost_at_) {
    calm_down();
    return callbacks_.back();
  }
  const Duration silent = scheduler_.now() - std::max(session_->heard_at(), *doubted_at_);
  const bool given_up = silent >= patience_ || (session_->streams() == 0 && !session_->linked());
  // Without patience the link decides, as it does for any connection; who comes new need not wait for that.
  if (patience_ <= Duration() && session_->linked()) {
    if (silent < kNewcomersWait) return ask();
    lost_at_ = scheduler_.now();
    return session_->fail_unanswered(ConnectError::kTimedOut, "");
  }
  if (given_up) return give_up();
  begin_dial();
  watch();
}

void ClientSession::watch() {
  dialled_at_ = scheduler_.now();
  watch_timer_.start(kBetweenLooks);
}

void ClientSession::begin_dial() {
  answered_ = false;
  answer_timer_.start(kDialAnswerTime);
  hyperdht::ConnectOptions options = options_;
  // What a relay carries is worse than the path that there is.
  options.direct_only = renewing_;
  dialled_ = dht_.connect(session_->remote_key(), std::move(options));
  dialled_->set_observer(this);
  dialled_->set_on_open([this] { on_dialled(); });
}

void ClientSession::on_dialled() {
  answer_timer_.stop();
  std::unique_ptr<hyperdht::PeerSocket> link = std::move(dialled_);
  link->set_observer(nullptr);
  const bool renewing = std::exchange(renewing_, false);
  // Of two programs with one key it has found the other; if that has taken the place of ours, the path will show it.
  if (renewing && !link->resumes()) return scheduler_.retire(std::move(link));
  if (renewing) renewal_rest_ = kBetweenRenewals;
  calm_down();
  if (link->resumes()) {
    session_->adopt(std::move(link));
    return callbacks_.back();
  }
  std::shared_ptr<hyperdht::Session> other = link->take_session();
  // The peer has been started anew, or has waited long enough.
  const auto anew = callbacks_.anew;
  session_->end("the peer has restarted");
  if (other) return anew(std::move(other), std::move(link));
  scheduler_.retire(std::move(link));
}

void ClientSession::on_reset(const std::string&) {
  on_dial_failed(dialled_->error());
}

void ClientSession::on_dial_failed(ConnectError error) {
  stop_dialling();
  if (std::exchange(renewing_, false)) return;
  record_->on_error(hyperdht::describe(error));
  lost_at_ = scheduler_.now();
  tell_of_silence();
  session_->fail_unanswered(error, "");
  dial_timer_.start(rest_);
  rest_ = std::min(rest_ * 2, kLongestRest);
}

void ClientSession::stop_dialling() {
  dial_timer_.stop();
  answer_timer_.stop();
  scheduler_.retire(std::move(dialled_));
}

}  // namespace hsfwd
