// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/client_punch.hpp"

#include <algorithm>

#include "hyperdht/dht.hpp"

namespace hsfwd::hyperdht {

namespace {

constexpr Duration kUnknownPause = 1_s;  // for a server that does not know its NAT yet; upstream's
// Upstream repeats a request every second and gives up after four. These come sooner and end then.
constexpr Duration kMinEagerPace = 80_ms;
constexpr Duration kCarefulPace = 1_s;
constexpr Duration kGiveUp = 4_s;
constexpr Duration kClientTurnLimit = 8_s;  // the server forgets who does not punch for 10 s
// An hsfwd that probes random ports is through with all of them by then, whether its turn came at once or not.
constexpr Duration kProbedByThen = 12_s;
constexpr std::uint32_t kLaterMillis = 10'000;  // and up to as much again, at random

int repeats_until_give_up(Duration pace) {
  int repeats = 0;
  for (Duration waited = pace; waited < kGiveUp; waited = waited + pace * (1 << repeats)) ++repeats;
  return repeats;
}

}  // namespace

const char* describe(PunchFailure failure) {
  switch (failure) {
    case PunchFailure::kNoSocket: return "no UDP socket to punch with";
    case PunchFailure::kNoAnswer: return "the peer did not answer through its relays";
    case PunchFailure::kInvalidAnswer: return "an answer did not decrypt";
    case PunchFailure::kServerAborted: return "the peer broke it off";
    case PunchFailure::kUnknownNat: return "too few nodes answered to tell what the NATs do";
    case PunchFailure::kBothRandom: return "both NATs pick random ports";
    case PunchFailure::kBusy: return "other punches through random NATs are under way";
    case PunchFailure::kServerNotPunching: return "the peer does not punch";
    case PunchFailure::kNotPunchable: return "nothing fits this pair of NATs";
    case PunchFailure::kExhausted: return "no punch got through";
  }
  return "unknown";
}

ClientPunch::ClientPunch(Dht& dht, PunchContext context, const AttemptLog& log, Observer& observer)
    : dht_(dht),
      context_(std::move(context)),
      log_(log),
      observer_(observer),
      secure_(context_.hash, dht.env().random),
      server_relays_(context_.session.relays),
      server_address_(context_.server_address),
      puncher_(dht, Holepuncher::Role::kClient, context_.server_firewall, *this),
      timer_(dht.env().scheduler, [this] { on_timer(); }),
      begin_task_(dht.env().scheduler, [this] {
        if (puncher_.usable()) {
          probe();
        } else {
          fail(PunchFailure::kNoSocket);
        }
      }) {
  // The handshake's relay first, if it is one of the server's own: what it sees serves twice.
  std::stable_partition(server_relays_.begin(), server_relays_.end(), [&](const RelayInfo& relay) {
    return relay.relay_address == context_.relay;
  });
  begin_task_.post();
}

ClientPunch::~ClientPunch() { cancel(); }

void ClientPunch::cancel() {
  state_ = State::kFailed;
  timer_.stop();
  begin_task_.cancel();
  forget_requests();
  puncher_.stop();
}

void ClientPunch::fail(PunchFailure failure) {
  if (!running()) return;
  log_.note(AttemptStep::kPunch, "given up: {}", describe(failure));
  if (failure != PunchFailure::kServerAborted && failure != PunchFailure::kNoSocket) say_abort();
  cancel();
  observer_.on_punch_failed(failure);
}

// --- Requests ---

HolepunchPayload ClientPunch::own_state(bool punching) {
  HolepunchPayload out;
  out.firewall = static_cast<std::uint64_t>(puncher_.nat().verdict());
  out.punching = punching;
  const auto& addresses = puncher_.nat().addresses();
  if (!addresses.empty()) {
    out.addresses = addresses;
  } else if (puncher_.nat().verdict() == Firewall::kOpen && own_address_) {
    out.addresses = {*own_address_};
  }
  return out;
}

Duration ClientPunch::eager_pace() const { return std::max(context_.rtt * 3 / 2, kMinEagerPace); }

void ClientPunch::send(const Address& peer, const Address& relay, HolepunchPayload payload,
                       Duration pace) {
  sent_ = std::move(payload);
  requests_.push_back(std::make_unique<Request>());
  Request& request = *requests_.back();
  request.peer = peer;
  request.relay = relay;
  request.asks_to_punch = sent_.punching;
  request.call = std::make_unique<rpc::Call>(
      dht_.node().calls(),
      [this, &request](const rpc::CallResult& result) { on_result(request, result); });
  request.call->on_slow([this] { on_slow_probe(); });
  rpc::RequestSpec spec;
  spec.to = relay;
  spec.command = static_cast<std::uint64_t>(Command::kPeerHolepunch);
  spec.target = context_.target;
  spec.value = HolepunchMessage{.mode = Mode::kFromClient,
                                .id = context_.session.id,
                                .payload = secure_.seal(sent_),
                                .peer_address = peer}
                   .encode();
  spec.socket = &puncher_.socket();
  spec.urgent = true;
  spec.pace = pace;
  spec.retries = repeats_until_give_up(spec.pace);
  request.call->start(std::move(spec));
}

void ClientPunch::forget_requests() {
  for (auto& request : requests_) dht_.env().scheduler.retire(std::move(request));
  requests_.clear();
}

/// The answer, if it is one. Anybody who knows the transaction id can send something else.
std::optional<ClientPunch::Answer> ClientPunch::open(const Request& request,
                                                     const rpc::Reply& reply) {
  if (!reply.message.value || reply.from != reply.asked) return std::nullopt;
  const auto message = HolepunchMessage::decode(*reply.message.value);
  if (!message || message->mode != Mode::kReply) return std::nullopt;
  auto payload = secure_.open(message->payload);
  if (!payload) return std::nullopt;
  return Answer{.payload = std::move(*payload),
                .to_ask = request.asks_to_punch,
                .own = reply.message.to,
                .relay = request.relay,
                .server = message->peer_address.value_or(request.relay),
                .asked_peer = request.peer};
}

void ClientPunch::on_result(Request& request, const rpc::CallResult& result) {
  const auto answer = result ? open(request, *result) : std::nullopt;
  if (!answer) {
    log_.note(AttemptStep::kPunch, "relay {}: {}", request.relay.to_string(),
              result ? "an answer that is none" : "no answer");
    std::erase_if(requests_, [&](auto& other) {
      const bool same = other.get() == &request;
      if (same) dht_.env().scheduler.retire(std::move(other));
      return same;
    });
    if (requests_.empty() && state_ != State::kPunching) {
      fail(result ? PunchFailure::kInvalidAnswer : PunchFailure::kNoAnswer);
    }
    return;
  }
  forget_requests();
  if (asks_once()) timer_.stop();
  const bool later = answer->payload.error == static_cast<std::uint64_t>(PayloadError::kTryLater);
  if (later && answer->to_ask) {
    log_.note(AttemptStep::kPunch, "the peer is busy with another random punch");
    if (!context_.patient) {
      fail(PunchFailure::kServerAborted);
      return;
    }
    delayed_ = true;
    state_ = State::kWaitingForTurn;
    puncher_.release();
    timer_.start(Duration::millis(kLaterMillis + dht_.env().random.below(kLaterMillis)));
    return;
  }
  if (answer->payload.error != static_cast<std::uint64_t>(PayloadError::kNone)) {
    fail(PunchFailure::kServerAborted);
    return;
  }
  take_over(*answer);
  switch (state_) {
    case State::kProbing: on_probe_answer(*answer); return;
    case State::kAsking:
    case State::kPunching:
      if (answer->to_ask || answer->payload.punching) {
        on_ask_answer();
      } else {
        log_.note(AttemptStep::kPunch, "the peer has not heard of it");
        ask_to_punch();
      }
      return;
    case State::kWaitingForTurn: begin_round(); return;
    default: return;
  }
}

void ClientPunch::take_over(const Answer& answer) {
  const bool echoed = sent_.token && answer.payload.remote_token == sent_.token;
  puncher_.update_remote(
      static_cast<Firewall>(answer.payload.firewall), answer.payload.punching,
      answer.payload.addresses.value_or(std::vector<Address>()),
      echoed ? std::optional<net::Ipv4>(answer.asked_peer.host) : std::nullopt);
}

void ClientPunch::say_abort() {
  if (server_relays_.empty() || !puncher_.usable()) return;
  forget_requests();
  HolepunchPayload payload;
  payload.error = static_cast<std::uint64_t>(PayloadError::kAborted);
  payload.round = round_++;
  const RelayInfo& relay = server_relays_.front();
  send(relay.peer_address, relay.relay_address, std::move(payload), kCarefulPace);
  forget_requests();  // nobody waits for an answer to this
}

// --- Probing ---

void ClientPunch::probe() {
  state_ = State::kProbing;
  if (context_.fast_open) puncher_.open_session(server_address_);
  HolepunchPayload payload = own_state(false);
  payload.round = round_++;
  if (context_.fast_open) payload.remote_address = server_address_;
  const RelayInfo& relay = server_relays_.front();
  // Coming back, it shows that the server is where its relay says.
  payload.token = secure_.token(relay.peer_address.host);
  relays_asked_ = 1;
  may_ask_punch_socket_ = true;
  log_.note(AttemptStep::kProbe, "asking the peer about its NAT through {}",
            relay.relay_address.to_string());
  send(relay.peer_address, relay.relay_address, std::move(payload), eager_pace());
}

/// A relay that is slow may be gone; another one is asked beside it. Or the server lacks a sample to
/// know its NAT, as stock ones do for seconds on a lossy line: what comes to the socket that it
/// punches with, along the way that its answer left, is one.
void ClientPunch::on_slow_probe() {
  if (state_ != State::kProbing) return;
  const auto ask_too = [this](const Address& peer, const Address& relay) {
    log_.note(AttemptStep::kProbe, "slow; asking {} through {} too", peer.to_string(),
              relay.to_string());
    HolepunchPayload payload = sent_;
    payload.token = secure_.token(peer.host);
    send(peer, relay, std::move(payload), eager_pace());
  };
  if (std::exchange(may_ask_punch_socket_, false)) ask_too(server_address_, context_.relay);
  if (relays_asked_ >= server_relays_.size()) return;
  const RelayInfo& relay = server_relays_[relays_asked_++];
  ask_too(relay.peer_address, relay.relay_address);
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
    if (probed_relay_ == context_.relay && probed_server_ != server_address_) {
      server_address_ = probed_server_;
      puncher_.open_session(server_address_);
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
    turn_until_ = dht_.env().now() + kClientTurnLimit;
  }
  if (context_.patient && !std::exchange(introduced_, true)) {
    introduce();
  } else if (context_.patient || dht_.env().now() < turn_until_) {
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
  payload.round = round_++;
  payload.token = secure_.token(server_address_.host);
  payload.remote_token = server_token_;
  send(server_address_, context_.relay, std::move(payload), eager_pace());
}

void ClientPunch::ask_to_punch() {
  state_ = State::kAsking;
  HolepunchPayload payload = own_state(true);
  payload.round = round_++;
  payload.remote_token = server_token_;
  log_.note(AttemptStep::kPunch, "asking the peer to punch through {}",
            (delayed_ ? server_relays_.front().relay_address : context_.relay).to_string());
  send_about_punching(std::move(payload), asks_once() ? kGiveUp : eager_pace());
  if (asks_once()) timer_.start(eager_pace());
  // A patient one would have to stop again when it is asked to come later.
  if (puncher_.needs_budget() && !context_.patient) start_punching();
}

void ClientPunch::send_about_punching(HolepunchPayload payload, Duration pace) {
  if (delayed_) {
    const RelayInfo& relay = server_relays_.front();
    send(relay.peer_address, relay.relay_address, std::move(payload), pace);
  } else {
    payload.token = secure_.token(server_address_.host);
    send(server_address_, context_.relay, std::move(payload), pace);
  }
}

/// A stock server takes a second copy of the request for a random punch for another punch, which it
/// has no budget for, and breaks off the one that is under way. So when no answer comes it is asked
/// whether it punches, which it takes as often as need be.
void ClientPunch::inquire() {
  log_.note(AttemptStep::kPunch, "no answer yet; does the peer punch?");
  HolepunchPayload payload = own_state(false);
  payload.round = round_++;
  payload.remote_token = server_token_;
  send_about_punching(std::move(payload), eager_pace());
}

void ClientPunch::on_ask_answer() {
  if (!puncher_.remote().punching) {
    fail(PunchFailure::kServerNotPunching);
  } else if (!start_punching()) {
    fail(PunchFailure::kNotPunchable);
  }
}

/// False when nothing fits, so far: a host that is not verified may be once the peer has answered.
bool ClientPunch::start_punching() {
  if (puncher_.punching()) return true;
  const PunchStrategy strategy = puncher_.start();
  if (strategy == PunchStrategy::kNone) return false;
  state_ = State::kPunching;
  log_.note(AttemptStep::kPunch, "punching: {}", to_string(strategy));
  if (strategy == PunchStrategy::kBirthday && context_.server_is_hsfwd) timer_.start(kProbedByThen);
  return true;
}

void ClientPunch::on_punch(net::UdpSocket& socket, const net::Address& from) {
  if (!running()) return;
  state_ = State::kDone;
  timer_.stop();
  begin_task_.cancel();
  forget_requests();
  log_.note(AttemptStep::kPunch, "a punch came through from {} after {} of ours", from.to_string(),
            puncher_.datagrams());
  observer_.on_punched(socket, from);
  puncher_.stop();
}

void ClientPunch::on_exhausted() { fail(PunchFailure::kExhausted); }

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
