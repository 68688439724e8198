// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/nat/server_punch.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "hyperdht/nat/context.hpp"
#include "hyperdht/nat/outcomes.hpp"

namespace hsfwd::hyperdht {

namespace {
// Copies of a request while it is worked on; each is answered. A client has no reason to send more.
constexpr std::size_t kMaxRequests = 16;
// Another client's random punch may end while this one's request waits, which it does for 4 s.
constexpr Duration kServerTurnLimit = 3_s;
}  // namespace

ServerPunch::ServerPunch(const Context& context, const crypto::Key32& payload_key,
                         Firewall client_firewall, bool client_is_hsfwd, Owner& owner)
    : context_(context),
      owner_(owner),
      secure_(payload_key, context.env.random),
      puncher_(context, Holepuncher::Role::kServer, client_firewall, *this),
      client_is_hsfwd_(client_is_hsfwd),
      turn_timer_(context.env.scheduler, [this] { punch(); }),
      repeat_timer_(context.env.scheduler, [this] { repeat_answer_(); }) {}

ServerPunch::~ServerPunch() {
  cancel();
}

void ServerPunch::cancel() {
  over_ = true;
  turn_timer_.stop();
  repeat_timer_.stop();
  requests_.clear();
  puncher_.stop();
}

void ServerPunch::on_path(const Address& client) {
  puncher_.on_path(client);
  // Without a strategy it may have come by itself.
  if (puncher_.strategy() == PunchStrategy::kNone || std::exchange(counted_, true)) return;
  context_.outcomes.note_punched(Holepuncher::Role::kServer, puncher_.strategy());
}

void ServerPunch::over() {
  if (over_) return;
  cancel();
  owner_.on_punch_over();
}

/// Who names a relay to a relay may name any client; only the first relay has seen it.
void ServerPunch::on_handshake(const HandshakeMessage& message, const rpc::RequestOrigin& origin) {
  if (over_ || message.mode != Mode::kFromRelay || !message.peer_address) return;
  puncher_.introduce(*message.peer_address, origin.from);
  if (owner_.is_own_relay(origin.from)) introductions_.add(message.peer_address->host, origin.from);
}

void ServerPunch::on_request(const HolepunchMessage& message, const rpc::RequestOrigin& origin) {
  if (over_ || !message.peer_address) return;
  auto payload = secure_.open(message.payload);
  if (!payload) return;
  owner_.on_request_opened();
  repeat_timer_.stop();
  Request request{std::move(*payload), *message.peer_address, origin};
  if (request.payload.error != PayloadError::kNone) {
    round_ = std::max(round_, request.payload.round);
    abort(request, PayloadError::kAborted);
    return;
  }
  // What any other says of us nobody has asked for.
  if (origin.socket == &puncher_.socket() && owner_.is_own_relay(origin.from)) {
    puncher_.add_sample(origin.to, origin.from);
  }
  take_over(request);
  if (requests_.size() >= kMaxRequests) return;
  requests_.push_back(std::move(request));
  if (!working_) next();
}

bool ServerPunch::echoed(const Request& request) {
  return owner_.is_own_relay(request.origin.from) && request.payload.remote_token &&
         *request.payload.remote_token == secure_.token(request.client.host);
}

/// A relay that lies gets tokens for hosts of its choice, but others do not see the client there.
PeerProof ServerPunch::proof_of(const Request& request) {
  const net::Ipv4 host = request.client.host;
  if (owner_.is_own_relay(request.origin.from)) introductions_.add(host, request.origin.from);
  if (!echoed(request) && puncher_.proof_of(host) == PeerProof::kNone) return PeerProof::kNone;
  const bool confirmed = introductions_.count(host) >= owner_.introductions_wanted();
  return confirmed ? PeerProof::kConfirmed : PeerProof::kEchoed;
}

/// Older rounds are answered, but change nothing.
void ServerPunch::take_over(const Request& request) {
  const HolepunchPayload& payload = request.payload;
  if (payload.round < round_) return;
  round_ = payload.round;
  puncher_.introduce(request.client, request.origin.from);
  puncher_.update_remote({.firewall = payload.firewall,
                          .punching = payload.punching,
                          .addresses = payload.addresses.value_or(std::vector<Address>()),
                          .seen = request.client,
                          .teller = request.origin.from,
                          .proven = request.client.host,
                          .proof = proof_of(request)});
}

void ServerPunch::next() {
  working_ = !requests_.empty();
  if (working_) puncher_.analyze(false, [this](bool stable) { on_settled(stable, false); });
}

/// While the client punches, an unstable verdict is no reason to stop: the punch itself refuses.
void ServerPunch::on_settled(bool stable, bool reopened) {
  if (stable || puncher_.remote().punching) {
    finish_request();
  } else if (!reopened) {
    puncher_.analyze(true, [this](bool better) { on_settled(better, true); });
  } else {
    abort(requests_.front(), PayloadError::kAborted);
  }
}

void ServerPunch::finish_request() {
  const Request& request = requests_.front();
  // The client has opened a session to an address of ours: what leaves now gets through.
  const auto& own = puncher_.nat().addresses();
  const auto& opened = request.payload.remote_address;
  if (is_consistent(puncher_.nat().verdict()) && opened &&
      std::find(own.begin(), own.end(), *opened) != own.end()) {
    puncher_.punch_soon(request.client, request.origin.from);
  }
  if (!puncher_.remote().punching) {
    answer(PayloadError::kNone);
    return;
  }
  owner_.on_punching();
  turn_until_ = context_.env.now() + kServerTurnLimit;
  punch();
}

void ServerPunch::punch() {
  if (!puncher_.punching() && puncher_.lacks_proof()) {
    refuse_unconfirmed();
  } else if (puncher_.reserve()) {
    if (puncher_.start() != PunchStrategy::kNone) {
      answer(PayloadError::kNone);
    } else {
      abort(requests_.front(), PayloadError::kAborted);
    }
  } else if (context_.env.now() < turn_until_) {
    turn_timer_.start(Holepuncher::kTurnPoll);
  } else if (owner_.has_relay()) {
    owner_.on_punch_put_off();
    answer(PayloadError::kTryLater);
  } else {
    abort(requests_.front(), PayloadError::kTryLater);
  }
}

/// Ours ask again then, through a relay that has not seen them yet.
void ServerPunch::refuse_unconfirmed() {
  if (client_is_hsfwd_) {
    owner_.on_punch_put_off();
    answer(PayloadError::kNone);
  } else {
    abort(requests_.front(), PayloadError::kAborted);
  }
}

/// Answers the request that is worked on and goes on to the next.
void ServerPunch::answer(PayloadError error) {
  const Request request = std::move(requests_.front());
  requests_.pop_front();
  if (!puncher_.nat().unknown()) puncher_.nat().freeze();
  HolepunchPayload out;
  out.error = error;
  out.firewall = puncher_.nat().verdict();
  out.round = round_;
  out.punching = puncher_.punching();
  if (!puncher_.nat().addresses().empty()) {
    out.addresses = puncher_.nat().addresses();
  } else if (puncher_.nat().verdict() == Firewall::kOpen) {
    out.addresses = {request.origin.to};  // an open host is where others see it
  }
  if (owner_.is_own_relay(request.origin.from)) out.token = secure_.token(request.client.host);
  out.remote_token = request.payload.token;
  const auto send = [this, origin = request.origin, client = request.client,
                     payload = secure_.seal(out)] {
    context_.router.answer_holepunch(origin, client, payload, &puncher_.socket());
  };
  send();
  if (!client_is_hsfwd_) {
    repeat_answer_ = send;
    repeat_timer_.start(kAnswerRepeat);
  }
  next();
}

void ServerPunch::abort(const Request& request, PayloadError error) {
  HolepunchPayload out;
  out.error = error;
  out.round = round_;
  context_.router.answer_holepunch(request.origin, request.client, secure_.seal(out),
                                   &context_.node.sending_socket());
  over();
}

}  // namespace hsfwd::hyperdht
