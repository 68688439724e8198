// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/nat/client_punch.hpp"

#include <algorithm>
#include <vector>

#include "hyperdht/nat/context.hpp"
#include "hyperdht/nat/outcomes.hpp"

namespace hsfwd::hyperdht {

namespace {

constexpr Duration kUnknownPause = 1_s;  // for a server that does not know its NAT yet; upstream's
constexpr Duration kMinEagerPace = 80_ms;
constexpr Duration kClientTurnLimit = 8_s;  // the server forgets who does not punch for 10 s
// An hsfwd that probes random ports is through with all of them by then, whether its turn came at once or not.
constexpr Duration kProbedByThen = 12_s;
// Until the peer says that it punches, or that it is to be asked later: once for each introducer, and for what may get lost.
constexpr int kMaxAsks = 10;
constexpr std::uint32_t kLaterMillis = 10'000;  // and up to as much again, at random

}  // namespace

ClientPunch::ClientPunch(const Context& context, PunchTerms terms, const AttemptLog& log,
                         Observer& observer)
    : context_(context),
      terms_(std::move(terms)),
      log_(log),
      observer_(observer),
      server_relays_(terms_.session.relays),
      server_address_(terms_.server_address),
      puncher_(context, Holepuncher::Role::kClient, terms_.server_firewall, *this),
      requests_(context, puncher_, terms_.target, terms_.key, terms_.session.id, log, *this),
      timer_(context.env.scheduler, [this] { on_timer(); }),
      begin_task_(context.env.scheduler, [this] {
        if (puncher_.usable()) {
          probe();
        } else {
          fail(PunchFailure::kNoSocket);
        }
      }) {
  // What it sees serves twice.
  prefer(terms_.relay);
  puncher_.introduce(server_address_, terms_.relay);
  begin_task_.post();
}

ClientPunch::~ClientPunch() {
  cancel();
}

void ClientPunch::cancel() {
  state_ = State::kFailed;
  timer_.stop();
  begin_task_.cancel();
  requests_.forget();
  puncher_.stop();
}

void ClientPunch::fail(PunchFailure failure) {
  if (!running()) return;
  context_.outcomes.note_failure(failure);
  log_.note(AttemptStep::kPunch, "given up: {}", describe(failure));
  if (failure != PunchFailure::kServerAborted && failure != PunchFailure::kNoSocket) say_abort();
  cancel();
  observer_.on_punch_failed(failure);
}

// --- What is said ---

HolepunchPayload ClientPunch::own_state(bool punching) {
  HolepunchPayload out;
  out.firewall = puncher_.nat().verdict();
  out.punching = punching;
  const auto& addresses = puncher_.nat().addresses();
  if (!addresses.empty()) {
    out.addresses = addresses;
  } else if (puncher_.nat().verdict() == Firewall::kOpen && own_address_) {
    out.addresses = {*own_address_};
  }
  return out;
}

/// Asks it before the others from now on, if it is one of the server's own.
void ClientPunch::prefer(const Address& relay) {
  std::stable_partition(server_relays_.begin(), server_relays_.end(),
                        [&](const RelayInfo& other) { return other.relay_address == relay; });
}

ClientPunch::Way ClientPunch::way_to(const RelayInfo& relay, bool prove) const {
  return {.peer = relay.peer_address, .relay = relay.relay_address, .prove = prove};
}

/// Through the handshake's relay, which has seen the server's socket last; but a server takes only its own
/// relays' word for where we are.
ClientPunch::Way ClientPunch::way_of_handshake() const {
  const RelayInfo& first = server_relays_.front();
  if (first.relay_address != terms_.relay) return way_to(first, true);
  return {.peer = server_address_, .relay = terms_.relay, .prove = true};
}

/// One in a network through which the server has not heard of us yet. An hsfwd wants to hear of us
/// through two before it begins a random punch.
const RelayInfo* ClientPunch::other_introducer() const {
  if (!puncher_.needs_budget() || !terms_.server_is_hsfwd) return nullptr;
  const auto found = std::find_if(
      server_relays_.begin(), server_relays_.end(),
      [this](const RelayInfo& relay) { return !introduced_by_.has(relay.relay_address); });
  return found != server_relays_.end() ? &*found : nullptr;
}

/// Each of the others is asked once to introduce us: one that is gone would be asked for ever.
ClientPunch::Way ClientPunch::way_about_punching() {
  const RelayInfo* const other = other_introducer();
  if (other == nullptr) {
    return delayed_ ? way_to(server_relays_.front(), false) : way_of_handshake();
  }
  introduced_by_.add(other->relay_address);
  prefer(Address(other->relay_address));
  return way_to(server_relays_.front(), true);
}

Duration ClientPunch::eager_pace() const {
  return std::max(terms_.rtt * 3 / 2, kMinEagerPace);
}

void ClientPunch::say_abort() {
  if (server_relays_.empty() || !puncher_.usable()) return;
  HolepunchPayload payload;
  payload.error = PayloadError::kAborted;
  requests_.tell(way_to(server_relays_.front(), false), std::move(payload));
}

void ClientPunch::on_unanswered(bool invalid) {
  if (state_ == State::kPunching) return;
  fail(invalid ? PunchFailure::kInvalidAnswer : PunchFailure::kNoAnswer);
}

void ClientPunch::on_answer(const Answer& answer) {
  if (asks_once()) timer_.stop();
  const HolepunchPayload& payload = answer.payload;
  if (payload.error == PayloadError::kTryLater && answer.to_ask) {
    on_try_later();
    return;
  }
  if (payload.error != PayloadError::kNone) {
    fail(PunchFailure::kServerAborted);
    return;
  }
  // Another one may be gone.
  prefer(answer.relay);
  introduced_by_.add(answer.relay);
  puncher_.update_remote({.firewall = payload.firewall,
                          .punching = payload.punching,
                          .addresses = payload.addresses.value_or(std::vector<Address>()),
                          .seen = answer.server,
                          .teller = answer.relay,
                          .proven = answer.proven,
                          .proof = PeerProof::kConfirmed});
  switch (state_) {
    case State::kProbing:
      on_probe_answer(answer);
      return;
    case State::kAsking:
    case State::kPunching:
      if (answer.to_ask || payload.punching) {
        on_ask_answer();
      } else {
        log_.note(AttemptStep::kPunch, "the peer did not get the request");
        ask_to_punch();
      }
      return;
    case State::kWaitingForTurn:
      begin_round();
      return;
    default:
      return;
  }
}

void ClientPunch::on_try_later() {
  log_.note(AttemptStep::kPunch, "the peer is busy with another random punch");
  if (!terms_.patient) {
    fail(PunchFailure::kBusy);
    return;
  }
  delayed_ = true;
  asks_ = 0;
  state_ = State::kWaitingForTurn;
  puncher_.release();
  timer_.start(Duration::millis(kLaterMillis + context_.env.random.below(kLaterMillis)));
}

// --- Probing ---

void ClientPunch::probe() {
  state_ = State::kProbing;
  if (terms_.fast_open) puncher_.open_session(server_address_, terms_.relay);
  HolepunchPayload payload = own_state(false);
  if (terms_.fast_open) payload.remote_address = server_address_;
  const RelayInfo& relay = server_relays_.front();
  relays_asked_ = 1;
  may_ask_punch_socket_ = true;
  log_.note(AttemptStep::kProbe, "asking the peer about its NAT through {}",
            relay.relay_address.to_string());
  requests_.send(way_to(relay, true), std::move(payload), eager_pace());
}

/// A relay that is slow may be gone; another one is asked beside it. Or the server lacks a sample to
/// know its NAT, as stock ones do for seconds on a lossy line: what comes to the socket that it
/// punches with, along the way that its answer left, is one.
void ClientPunch::on_slow() {
  const bool probing = state_ == State::kProbing;
  const auto ask_too = [&](const Way& way) {
    log_.note(probing ? AttemptStep::kProbe : AttemptStep::kPunch, "slow; asking {} through {} too",
              way.peer.to_string(), way.relay.to_string());
    requests_.send_too(way, eager_pace());
  };
  if (probing && std::exchange(may_ask_punch_socket_, false)) {
    ask_too({.peer = server_address_, .relay = terms_.relay, .prove = true});
  }
  if (relays_asked_ < server_relays_.size()) {
    ask_too(way_to(server_relays_[relays_asked_++], !delayed_));
  }
}

void ClientPunch::on_probe_answer(const Answer& answer) {
  puncher_.add_sample(answer.own, answer.relay);
  own_address_ = answer.own;
  server_token_ = answer.payload.token;
  probed_server_ = answer.server;
  probed_relay_ = answer.relay;
  log_.note(AttemptStep::kProbe, "the peer's NAT: {}", to_string(puncher_.remote().firewall));
  if (puncher_.remote().firewall == Firewall::kOpen) {
    const auto& addresses = puncher_.remote().addresses;
    const Address open = addresses.empty() ? answer.server : addresses.front().address;
    cancel();
    state_ = State::kDone;
    observer_.on_open_server(open);
    return;
  }
  state_ = State::kSettling;
  if (puncher_.remote().firewall == Firewall::kUnknown) {
    timer_.start(kUnknownPause);
  } else {
    puncher_.analyze(false, [this](bool stable) { on_settled(stable, false); });
  }
}

void ClientPunch::on_settled(bool stable, bool reopened) {
  log_.note(AttemptStep::kNat, "own NAT: {}, from {} samples", to_string(own_firewall()),
            puncher_.nat().samples());
  if (!stable && !reopened) {
    log_.note(AttemptStep::kNat, "trying fresh sockets");
    puncher_.analyze(true, [this](bool better) { on_settled(better, true); });
  } else if (stable && reopened) {
    may_probe_again_ = false;
    probe();
  } else {
    conclude_probe();
  }
}

void ClientPunch::conclude_probe() {
  const bool remote_unknown = puncher_.remote().firewall == Firewall::kUnknown;
  if ((remote_unknown || !server_token_) && std::exchange(may_probe_again_, false)) {
    probe();
  } else if (remote_unknown || own_firewall() == Firewall::kUnknown) {
    fail(PunchFailure::kUnknownNat);
  } else if (puncher_.remote().firewall >= Firewall::kRandom &&
             own_firewall() >= Firewall::kRandom) {
    fail(PunchFailure::kBothRandom);
  } else {
    // The server may have moved to another socket; its relay, if we share it, saw that one.
    if (probed_relay_ == terms_.relay && probed_server_ != server_address_) {
      server_address_ = probed_server_;
      puncher_.open_session(server_address_, terms_.relay);
    }
    puncher_.nat().freeze();
    begin_round();
  }
}

// --- Punching ---

void ClientPunch::begin_round() {
  if (puncher_.reserve()) {
    ask_to_punch();
    return;
  }
  if (state_ != State::kWaitingForTurn) {
    log_.note(AttemptStep::kPunch, "waiting for another random punch of this node to end");
    state_ = State::kWaitingForTurn;
    turn_until_ = context_.env.now() + kClientTurnLimit;
  }
  if (terms_.patient && !std::exchange(introduced_, true)) {
    introduce();
  } else if (terms_.patient || context_.env.now() < turn_until_) {
    timer_.start(Holepuncher::kTurnPoll);
  } else {
    fail(PunchFailure::kBusy);
  }
}

/// Shows the server that we are where we say, while the handshake's relay still knows us: later
/// requests go through its own relays, which cannot vouch for us anew.
void ClientPunch::introduce() {
  delayed_ = true;
  HolepunchPayload payload = own_state(false);
  payload.remote_token = server_token_;
  requests_.send(way_of_handshake(), std::move(payload), eager_pace());
}

void ClientPunch::ask_to_punch() {
  if (++asks_ > kMaxAsks) return fail(PunchFailure::kServerNotPunching);
  state_ = State::kAsking;
  HolepunchPayload payload = own_state(true);
  payload.remote_token = server_token_;
  const Way way = way_about_punching();
  relays_asked_ = 1;
  log_.note(AttemptStep::kPunch, "asking the peer to punch through {}", way.relay.to_string());
  requests_.send(way, std::move(payload), asks_once() ? PunchRequests::kGiveUp : eager_pace());
  if (asks_once()) timer_.start(eager_pace());
  // A patient one would have to stop again when it is asked to come later.
  if (puncher_.needs_budget() && !terms_.patient) start_punching();
}

/// A stock server takes a second copy of the request for a random punch for another punch, which it
/// has no budget for, and breaks off the one that is under way. So when no answer comes it is asked
/// whether it punches, which it takes as often as need be.
void ClientPunch::inquire() {
  log_.note(AttemptStep::kPunch, "no answer yet; does the peer punch?");
  HolepunchPayload payload = own_state(false);
  payload.remote_token = server_token_;
  relays_asked_ = 1;
  requests_.send(way_about_punching(), std::move(payload), eager_pace());
}

void ClientPunch::on_ask_answer() {
  if (!puncher_.remote().punching && other_introducer() != nullptr) {
    ask_to_punch();
  } else if (!puncher_.remote().punching) {
    fail(PunchFailure::kServerNotPunching);
  } else if (!puncher_.punching() && !puncher_.reserve()) {
    begin_round();  // what it says of its NAT has changed
  } else if (!start_punching()) {
    fail(PunchFailure::kNotPunchable);
  }
}

/// False when nothing fits, so far: a host that is not verified may be once the peer has answered.
bool ClientPunch::start_punching() {
  const bool asked_again = puncher_.punching();
  const PunchStrategy strategy = puncher_.start();
  if (strategy == PunchStrategy::kNone) return false;
  state_ = State::kPunching;
  if (asked_again) return true;
  log_.note(AttemptStep::kPunch, "punching: {}", to_string(strategy));
  if (strategy == PunchStrategy::kBirthday && terms_.server_is_hsfwd) timer_.start(kProbedByThen);
  return true;
}

void ClientPunch::on_punch(net::UdpSocket& socket, const net::Address& from) {
  if (!running()) return;
  state_ = State::kDone;
  timer_.stop();
  begin_task_.cancel();
  requests_.forget();
  log_.note(AttemptStep::kPunch, "a punch came through from {} after {} of ours", from.to_string(),
            puncher_.datagrams());
  context_.outcomes.note_punched(Holepuncher::Role::kClient, puncher_.strategy());
  observer_.on_punched(socket, from);
  puncher_.stop();
}

void ClientPunch::on_exhausted() {
  fail(PunchFailure::kExhausted);
}

void ClientPunch::on_timer() {
  if (state_ == State::kSettling) {
    puncher_.analyze(false, [this](bool stable) { on_settled(stable, false); });
  } else if (state_ == State::kWaitingForTurn) {
    begin_round();
  } else if (asks_once()) {
    inquire();
  } else if (state_ == State::kPunching) {
    fail(PunchFailure::kExhausted);
  }
}

}  // namespace hsfwd::hyperdht
