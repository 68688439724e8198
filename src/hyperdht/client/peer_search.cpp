// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/client/peer_search.hpp"

#include <algorithm>
#include <optional>

#include "hyperdht/nat/context.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr std::size_t kParallelHandshakes = 2;
constexpr std::size_t kParallelWithKnown = 3;
constexpr int kDirectRetries = 2;  // an old path either works soon or not at all
constexpr int kRelayRetries = 3;
// On the way to the peer and back there are four datagrams to lose. A copy of the first message
// costs the peer nothing but its answer.
constexpr Duration kMinHandshakePace = 100_ms;
constexpr int kPacedRetries = 4;  // each after twice the time of the one before: some three seconds

bool contains(const auto& list, const Address& address) {
  return std::find(list.begin(), list.end(), address) != list.end();
}

}  // namespace

PeerSearch::PeerSearch(const Context& context, const crypto::PublicKey& remote,
                       const crypto::KeyPair& keys, const AttemptLog& log, Observer& observer)
    : context_(context),
      target_(target_of_peer(remote)),
      log_(log),
      observer_(observer),
      handshake_(keys, remote, name_space_of(Command::kPeerHandshake).view()) {}

bool PeerSearch::prepare(const NoisePayload& payload) {
  auto message =
      handshake_.write_message1(crypto::KeyPair::generate(context_.env.random), payload.encode());
  if (!message) return false;
  first_message_ = std::move(*message);
  return true;
}

void PeerSearch::ask_directly(const Address& address, std::shared_ptr<net::UdpSocket> socket) {
  cancel();
  log_.note(AttemptStep::kSearch, "trying the path of an earlier connection");
  attempt({.relay = address, .socket = std::move(socket), .direct = true});
}

void PeerSearch::start(std::vector<Address> known) {
  if (const auto own = context_.router.relay_for(target_)) known = {*own};
  log_.note(AttemptStep::kSearch, "asking the DHT for the peer's introducers; {} known from before",
            known.size());
  running_ = true;
  known_.assign(known.begin(), known.end());
  limit_ = known.empty() ? kParallelHandshakes : kParallelWithKnown;
  retry_without_known_ = !known.empty();
  begin_query(std::move(known));
  next_attempts();
}

void PeerSearch::cancel() {
  running_ = false;
  Scheduler& scheduler = context_.env.scheduler;
  scheduler.retire(std::move(query_));
  for (auto& attempt : attempts_) scheduler.retire(std::move(attempt));
  attempts_.clear();
  known_.clear();
  found_.clear();
}

// --- Relays ---

void PeerSearch::begin_query(std::vector<Address> start_nodes) {
  context_.env.scheduler.retire(std::move(query_));
  query_ = std::make_unique<rpc::Query>(
      context_.node,
      rpc::QueryOptions{.target = target_,
                        .command = Command::kFindPeer,
                        .value = std::nullopt,
                        .start_nodes = std::move(start_nodes)},
      [this](const rpc::Reply& reply) { on_query_reply(reply); },
      [this](const auto&) { on_query_done(); });
  query_->start();
}

/// Whoever stores a record of the peer is one of its relays.
void PeerSearch::on_query_reply(const rpc::Reply& reply) {
  if (!running_ || !reply.message.value) return;
  if (!PeerRecord::decode(*reply.message.value) || heard_of(reply.from)) return;
  log_.note(AttemptStep::kSearch, "{} knows the peer", reply.from.to_string());
  found_.push_back({reply.from, reply.rtt});
  next_attempts();
}

bool PeerSearch::heard_of(const Address& relay) const {
  return contains(tried_, relay) || contains(known_, relay) ||
         std::any_of(found_.begin(), found_.end(),
                     [&](const FoundRelay& found) { return found.address == relay; });
}

void PeerSearch::on_query_done() {
  if (!running_) return;
  log_.note(AttemptStep::kSearch, "the search is over: {} nodes answered",
            query_->closest().size());
  check_exhausted();
}

void PeerSearch::check_exhausted() {
  if (!running_ || !query_->finished()) return;
  if (!attempts_.empty() || !known_.empty() || !found_.empty()) return;
  if (std::exchange(retry_without_known_, false)) {
    begin_query({});
    return;
  }
  running_ = false;
  observer_.on_not_answered(asked_found_);
}

// --- Handshakes ---

void PeerSearch::next_attempts() {
  if (!running_) return;
  const bool known_asked = std::any_of(attempts_.begin(), attempts_.end(),
                                       [](const auto& attempt) { return attempt->known; });
  if (!known_asked && !known_.empty()) {
    const Address relay = known_.front();
    known_.pop_front();
    attempt({.relay = relay, .known = true});
  }
  const auto in_time = [this] {
    return static_cast<std::size_t>(std::count_if(
        attempts_.begin(), attempts_.end(), [](const auto& attempt) { return !attempt->slow; }));
  };
  while (!found_.empty() && in_time() < limit_) {
    const FoundRelay relay = take_found();
    asked_found_ = true;
    attempt({.relay = relay.address, .rtt = relay.rtt});
  }
}

/// The first of those whose hosts have been asked through least.
PeerSearch::FoundRelay PeerSearch::take_found() {
  const auto attempts_on = [this](const FoundRelay& found) {
    return std::count_if(tried_.begin(), tried_.end(), [&](const Address& tried) {
      return rpc::are_neighbours(tried.host, found.address.host);
    });
  };
  const auto next = std::min_element(
      found_.begin(), found_.end(),
      [&](const auto& a, const auto& b) { return attempts_on(a) < attempts_on(b); });
  const FoundRelay out = *next;
  found_.erase(next);
  return out;
}

void PeerSearch::attempt(Attempt wanted) {
  attempts_.push_back(std::make_unique<Attempt>(std::move(wanted)));
  Attempt& attempt = *attempts_.back();
  if (!attempt.direct) tried_.push_back(attempt.relay);
  log_.note(AttemptStep::kHandshake, "sent {} {}", attempt.direct ? "to" : "through",
            attempt.relay.to_string());
  attempt.call = std::make_unique<rpc::Call>(
      context_.node.calls(),
      [this, &attempt](const rpc::CallResult& result) { on_result(attempt, result); });
  rpc::RequestSpec spec;
  spec.to = attempt.relay;
  spec.command = Command::kPeerHandshake;
  spec.target = target_;
  spec.value = HandshakeMessage{.mode = Mode::kFromClient, .noise = first_message_}.encode();
  spec.socket = attempt.socket.get();
  spec.retries = attempt.direct ? kDirectRetries : kRelayRetries;
  if (attempt.rtt > Duration()) {
    spec.pace = std::max(attempt.rtt * 5 / 2, kMinHandshakePace);
    spec.retries = kPacedRetries;
  }
  attempt.call->on_slow([this, &attempt] {
    attempt.slow = true;
    if (attempt.direct) observer_.on_path_slow();
    next_attempts();
  });
  attempt.call->start(std::move(spec));
}

void PeerSearch::on_result(Attempt& attempt, const rpc::CallResult& result) {
  auto answer = result ? open(attempt, *result) : std::nullopt;
  if (answer) {
    log_.note(AttemptStep::kHandshake, "answered through {} in {} ms; it sees the peer at {}",
              attempt.relay.to_string(), answer->rtt.to_millis(),
              answer->server_address.to_string());
    cancel();
    observer_.on_answered(std::move(*answer));
    return;
  }
  log_.note(AttemptStep::kHandshake, "{}: {}", attempt.relay.to_string(),
            result ? "does not reach the peer" : "no answer");
  const auto at = std::find_if(attempts_.begin(), attempts_.end(),
                               [&](const auto& other) { return other.get() == &attempt; });
  auto ended = std::move(*at);
  attempts_.erase(at);
  if (ended->direct) observer_.on_path_dead(*ended->socket, ended->relay);
  context_.env.scheduler.retire(std::move(ended));
  next_attempts();
  check_exhausted();
}

/// An answer that does not open is ignored: the relay may say what it likes.
std::optional<PeerAnswer> PeerSearch::open(const Attempt& attempt, const rpc::Reply& reply) {
  if (!reply.message.value) return std::nullopt;
  const auto message = HandshakeMessage::decode(*reply.message.value);
  if (!message || message->mode != Mode::kReply) return std::nullopt;
  auto opened = handshake_.read_message2(message->noise);
  if (!opened) return std::nullopt;
  auto payload = NoisePayload::decode(opened->payload);
  if (!payload) return std::nullopt;
  return PeerAnswer{
      .payload = std::move(*payload),
      .keys = opened->session,
      .relay = attempt.relay,
      .noise = message->noise,
      .server_address = message->peer_address.value_or(attempt.relay),
      .client_address = reply.message.to,
      .relayed = message->peer_address.has_value(),
      .socket = attempt.socket,
      .rtt = reply.rtt,
  };
}

}  // namespace hsfwd::hyperdht
