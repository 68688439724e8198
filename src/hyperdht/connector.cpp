// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/connector.hpp"

#include <algorithm>

#include "hyperdht/dht.hpp"
#include "util/text.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr std::size_t kParallelHandshakes = 2;
constexpr std::size_t kParallelWithKnown = 3;
constexpr Duration kPassiveWait = 10_s;  // for a peer that was told that we are reachable
}  // namespace

Connector::Connector(Dht& dht, PeerSocket& socket, const crypto::PublicKey& remote,
                     ConnectOptions options)
    : dht_(dht),
      socket_(&socket),
      remote_(remote),
      target_(target_of_peer(remote)),
      options_(std::move(options)),
      keys_(options_.key_pair.value_or(dht.options().key_pair)),
      subject_(remote, keys_.public_key),
      log_(dht.env().scheduler, options_.timeline),
      handshake_(keys_, remote, name_space_of(Command::kPeerHandshake).view()),
      start_task_(dht.env().scheduler,
                  [this] {
                    if (!try_route()) search();
                  }),
      timer_(dht.env().scheduler, [this] { on_timer(); }) {}

Connector::~Connector() = default;

void Connector::start() { start_task_.post(); }

void Connector::on_socket_gone() {
  if (state_ == State::kQueued) dht_.searches().unfollow(subject_, *this);
  state_ = State::kFailed;
  socket_ = nullptr;
  end_search(std::nullopt);
  start_task_.cancel();
  give_up_search();
  give_up_paths();
}

void Connector::fail(ConnectError error, const char* detail) {
  if (state_ == State::kDone || state_ == State::kFailed) return;
  log_.note(AttemptStep::kFailed, "{}{}{}", describe(error), detail != nullptr ? ": " : "",
            detail != nullptr ? detail : "");
  give_up_search();
  give_up_paths();
  state_ = State::kFailed;
  end_search(error);
  socket_->fail(error, detail);
}

/// Nobody knows the peer, or there is nobody at all.
ConnectError Connector::not_found() const {
  return dht_.heard_of_network() ? ConnectError::kPeerNotFound : ConnectError::kNoNetwork;
}

// --- Handshakes ---

/// Made when first needed, with what is known of ourselves then; false if the key is no key.
bool Connector::write_first_message() {
  if (!first_message_.empty()) return true;
  const auto own = dht_.node().remote_address();
  own_firewall_ = own ? Firewall::kOpen : Firewall::kUnknown;
  NoisePayload payload;
  payload.firewall = static_cast<std::uint64_t>(own_firewall_);
  if (own) payload.addresses4.push_back(*own);
  if (options_.local_connection) {
    for (const Address& local : dht_.all_local_addresses()) payload.addresses4.push_back(local);
  }
  payload.udx = UdxInfo{.reusable_socket = options_.reusable_socket,
                        .id = socket_->raw().id().value};
  payload.secret_stream = 1;
  payload.extension = options_.extension;
  own_relay_ = choose_relay(options_.relay_through, dht_.env().random);
  payload.relay_through = own_relay_;
  auto message = handshake_.write_message1(crypto::KeyPair::generate(dht_.env().random),
                                           payload.encode());
  if (!message) return false;
  first_message_ = std::move(*message);
  return true;
}

bool Connector::try_route() {
  if (!options_.reusable_socket) return false;
  const auto route = dht_.routes().find(remote_);
  if (!route || !write_first_message()) return false;
  state_ = State::kRoute;
  log_.note(AttemptStep::kSearch, "trying the path of an earlier connection");
  attempt(route->address, route->socket, false);
  return true;
}

/// Leads a search, or waits for the one that is under way. One with relays of its own is not shared.
void Connector::search() {
  if (!options_.reusable_socket || !options_.relay_addresses.empty()) {
    begin_finding();
  } else if (dht_.searches().lead(subject_)) {
    leads_ = true;
    begin_finding();
  } else {
    state_ = State::kQueued;
    log_.note(AttemptStep::kSearch, "another connection to this peer is being made; waiting for it");
    dht_.searches().follow(subject_, *this);
  }
}

void Connector::end_search(std::optional<ConnectError> outcome) {
  if (!std::exchange(leads_, false)) return;
  for (Connector* follower : dht_.searches().end(subject_)) follower->on_search_ended(outcome);
}

void Connector::on_search_ended(std::optional<ConnectError> outcome) {
  if (!outcome) {
    search();
  } else if (*outcome != ConnectError::kNone) {
    fail(*outcome);
  } else if (!try_route()) {
    // The path is not one to share, but the relays are known now.
    begin_finding();
  }
}

void Connector::begin_finding() {
  state_ = State::kFinding;
  if (!write_first_message()) {
    fail(not_found());
    return;
  }
  std::vector<Address> known = options_.relay_addresses;
  if (known.empty()) known = dht_.relay_cache(remote_);
  if (const auto own = dht_.router().relay_for(target_)) known = {*own};
  known_relays_.assign(known.begin(), known.end());
  limit_ = known.empty() ? kParallelHandshakes : kParallelWithKnown;
  log_.note(AttemptStep::kSearch, "asking the DHT for the peer's relays; {} known from before",
            known.size());
  retry_without_known_ = !known.empty();
  begin_query(std::move(known));
  next_attempts();
}

void Connector::begin_query(std::vector<Address> start_nodes) {
  dht_.env().scheduler.retire(std::move(query_));
  query_ = std::make_unique<rpc::Query>(
      dht_.node(),
      rpc::QueryOptions{.target = target_,
                        .command = static_cast<std::uint64_t>(Command::kFindPeer),
                        .value = std::nullopt,
                        .start_nodes = std::move(start_nodes)},
      [this](const rpc::Reply& reply) { on_query_reply(reply); },
      [this](const auto&) { on_query_done(); });
  query_->start();
}

/// Whoever stores a record of the peer is one of its relays.
void Connector::on_query_reply(const rpc::Reply& reply) {
  if (state_ != State::kFinding || !reply.message.value) return;
  if (!PeerRecord::decode(*reply.message.value)) return;
  const bool tried =
      std::find(tried_relays_.begin(), tried_relays_.end(), reply.from) != tried_relays_.end() ||
      std::find(known_relays_.begin(), known_relays_.end(), reply.from) != known_relays_.end() ||
      std::find(found_relays_.begin(), found_relays_.end(), reply.from) != found_relays_.end();
  if (tried) return;
  log_.note(AttemptStep::kSearch, "{} knows the peer", reply.from.to_string());
  found_relays_.push_back(reply.from);
  next_attempts();
}

void Connector::on_query_done() {
  if (state_ != State::kFinding) return;
  log_.note(AttemptStep::kSearch, "the search is over: {} nodes answered",
            query_->closest().size());
  check_exhausted();
}

void Connector::next_attempts() {
  if (state_ != State::kFinding) return;
  // The known ones are tried one after the other, beside those that are found.
  const bool known_running = std::any_of(attempts_.begin(), attempts_.end(),
                                         [](const auto& attempt) { return attempt->known; });
  if (!known_running && !known_relays_.empty()) {
    const Address relay = known_relays_.front();
    known_relays_.pop_front();
    attempt(relay, nullptr, true);
  }
  while (!found_relays_.empty() && attempts_.size() < limit_) {
    const Address relay = found_relays_.front();
    found_relays_.pop_front();
    ++query_attempts_;
    attempt(relay, nullptr, false);
  }
}

void Connector::attempt(const Address& relay, net::UdpSocket* socket, bool known) {
  if (state_ != State::kRoute) tried_relays_.push_back(relay);
  attempts_.push_back(std::make_unique<Attempt>());
  Attempt& attempt = *attempts_.back();
  log_.note(AttemptStep::kHandshake, "sent through {}", relay.to_string());
  attempt.relay = relay;
  attempt.socket = socket;
  attempt.known = known;
  attempt.call = std::make_unique<rpc::Call>(
      dht_.node().calls(),
      [this, &attempt](const rpc::CallResult& result) { on_result(attempt, result); });
  rpc::RequestSpec spec;
  spec.to = relay;
  spec.command = static_cast<std::uint64_t>(Command::kPeerHandshake);
  spec.target = target_;
  spec.value = HandshakeMessage{.mode = Mode::kFromClient, .noise = first_message_}.encode();
  spec.socket = socket;
  // An old path either works soon or not at all.
  if (state_ == State::kRoute) spec.retries = 2;
  attempt.call->start(std::move(spec));
}

void Connector::on_result(Attempt& attempt, const rpc::CallResult& result) {
  const bool accepted = result && accept(attempt, *result);
  if (accepted) {
    log_.note(AttemptStep::kHandshake, "answered through {} in {} ms; it sees the peer at {}",
              attempt.relay.to_string(), answer_->rtt.to_millis(),
              answer_->server_address.to_string());
  } else {
    log_.note(AttemptStep::kHandshake, "{}: {}", attempt.relay.to_string(),
              result ? "does not reach the peer" : "no answer");
  }
  const auto at = std::find_if(attempts_.begin(), attempts_.end(),
                               [&](const auto& other) { return other.get() == &attempt; });
  dht_.env().scheduler.retire(std::move(*at));
  attempts_.erase(at);
  if (accepted) {
    choose_path();
  } else if (state_ == State::kRoute) {
    dht_.routes().forget(remote_);
    search();
  } else {
    next_attempts();
    check_exhausted();
  }
}

/// True when the answer ends the search. One that does not open is ignored: anybody who knows the
/// transaction id can send such.
bool Connector::accept(Attempt& attempt, const rpc::Reply& reply) {
  if (state_ != State::kRoute && state_ != State::kFinding) return false;
  if (!reply.message.value || reply.from != reply.asked) return false;
  const auto message = HandshakeMessage::decode(*reply.message.value);
  if (!message || message->mode != Mode::kReply) return false;
  auto opened = handshake_.read_message2(message->noise);
  if (!opened) return false;
  auto payload = NoisePayload::decode(opened->payload);
  if (!payload) return false;
  answer_ = Answer{
      .payload = std::move(*payload),
      .keys = opened->session,
      .relay = attempt.relay,
      .server_address = message->peer_address.value_or(attempt.relay),
      .client_address = reply.message.to,
      .relayed = message->peer_address.has_value(),
      .socket = attempt.socket,
      .rtt = reply.rtt,
  };
  return true;
}

void Connector::check_exhausted() {
  if (state_ != State::kFinding || !query_->finished()) return;
  if (!attempts_.empty() || !known_relays_.empty() || !found_relays_.empty()) return;
  if (std::exchange(retry_without_known_, false)) {
    begin_query({});
    return;
  }
  if (query_attempts_ > 0) {
    fail(ConnectError::kPeerConnectionFailed);
  } else {
    fail(not_found());
  }
}

void Connector::give_up_search() {
  Scheduler& scheduler = dht_.env().scheduler;
  scheduler.retire(std::move(query_));
  for (auto& attempt : attempts_) scheduler.retire(std::move(attempt));
  attempts_.clear();
  known_relays_.clear();
  found_relays_.clear();
}

// --- Paths ---

/// What the peer's answer says about how to reach it; the order is upstream's.
void Connector::choose_path() {
  const NoisePayload& payload = answer_->payload;
  state_ = State::kWaiting;
  give_up_search();
  if (payload.version != 1) {
    fail(ConnectError::kServerIncompatible);
    return;
  }
  if (payload.error != static_cast<std::uint64_t>(PayloadError::kNone) || !payload.udx) {
    fail(ConnectError::kServerError);
    return;
  }
  socket_->raw().set_rtt_hint(answer_->rtt);
  net::UdpSocket& own_socket = dht_.node().sending_socket();
  const bool relayed = answer_->server_address != answer_->relay;
  const bool punchable = payload.holepunch && !payload.holepunch->relays.empty();
  const bool open = payload.firewall == static_cast<std::uint64_t>(Firewall::kOpen);

  if (early_path_) {
    log_.note(AttemptStep::kDirect, "the peer's stream is here already");
    connect(*early_path_->socket, early_path_->from, dht_.path_kind_of(early_path_->from));
  } else if (!answer_->relayed) {
    net::UdpSocket& socket = answer_->socket != nullptr ? *answer_->socket : own_socket;
    log_.note(AttemptStep::kDirect, "the peer itself answered");
    connect(socket, answer_->relay, dht_.path_kind_of(answer_->relay));
  } else if (open || (relayed && !punchable)) {
    const auto& addresses = payload.addresses4;
    const auto reachable = std::find_if(addresses.begin(), addresses.end(), [](const Address& a) {
      return !net::is_bogon(a.host);
    });
    const Address to = reachable != addresses.end() ? *reachable : answer_->server_address;
    log_.note(AttemptStep::kDirect, "the peer takes packets from anybody at {}", to.to_string());
    connect(own_socket, to, dht_.path_kind_of(to));
  } else if (own_firewall_ == Firewall::kOpen) {
    log_.note(AttemptStep::kDirect, "we take packets from anybody; waiting for the peer's");
    relay();
    timer_.start(kPassiveWait);
  } else {
    relay();
    const bool probing = options_.local_connection && relayed && shares_network() && probe_lan();
    if (punchable && options_.holepunch) {
      punch();
    } else if (!probing && !relay_) {
      fail(ConnectError::kCannotHolepunch);
    }
  }
}

/// Both sides have the same public address.
bool Connector::shares_network() const {
  return answer_->client_address.host == answer_->server_address.host;
}

/// False when the peer told no local address. One that is ours is another home's behind the same
/// carrier, and we would be the one to answer there.
bool Connector::probe_lan() {
  const std::vector<Address> ours = dht_.all_local_addresses();
  const bool peer_is_here = dht_.router().has_server(target_);
  std::vector<Address> theirs;
  for (const Address& address : answer_->payload.addresses4) {
    const bool own = std::find(ours.begin(), ours.end(), address) != ours.end();
    if (!net::is_reserved(address.host) && (!own || peer_is_here)) theirs.push_back(address);
  }
  if (theirs.empty()) return false;
  lan_address_ = match_lan_address(ours, theirs).value_or(theirs.front());
  log_.note(AttemptStep::kLan, "behind the same address as the peer: trying it at {}",
            lan_address_.to_string());
  lan_ping_ = std::make_unique<rpc::Call>(
      dht_.node().calls(),
      [this](const rpc::CallResult& result) { on_lan_pong(result.ok()); });
  dht_.node().ping(*lan_ping_, lan_address_);
  return true;
}

void Connector::on_lan_pong(bool answered) {
  if (answered) {
    connect(dht_.node().server_socket(), lan_address_, PathKind::kLan);
  } else {
    log_.note(AttemptStep::kLan, "no answer from {}", lan_address_.to_string());
    check_paths_exhausted();
  }
}

void Connector::punch() {
  const NoisePayload& payload = answer_->payload;
  PunchContext context{
      .target = target_,
      .hash = answer_->keys.hash,
      .session = *payload.holepunch,
      .relay = answer_->relay,
      .server_address = answer_->server_address,
      .server_firewall = static_cast<Firewall>(payload.firewall),
      .server_is_hsfwd = payload.extension.has_value(),
      .rtt = answer_->rtt,
      .fast_open = options_.fast_open,
      .patient = relay_ != nullptr,
  };
  ClientPunch::Observer& observer = *this;
  punch_ = std::make_unique<ClientPunch>(dht_, std::move(context), log_, observer);
}

void Connector::on_punched(net::UdpSocket& socket, const Address& from) {
  connect(socket, from, dht_.path_kind_of(from));
}

void Connector::on_punch_failed(PunchFailure failure) {
  punch_failure_ = failure;
  if (state_ == State::kRelayed) {
    log_.note(AttemptStep::kPath, "stays on the relay: {}", describe(failure));
  }
  check_paths_exhausted();
}

/// Nothing is left to try once neither the local network nor a punch nor a relay can bring a path any
/// more.
void Connector::check_paths_exhausted() {
  if (state_ != State::kWaiting) return;
  if ((lan_ping_ && lan_ping_->active()) || (punch_ && punch_->running())) return;
  if (timer_.armed() || (relay_ && relay_->pairing())) return;
  fail(ConnectError::kHolepunchAborted, punch_failure_ ? describe(*punch_failure_) : nullptr);
}

// --- The relay ---

/// The relay the server names, else our own: upstream's order, and both sides come to the same.
void Connector::relay() {
  const auto& theirs = answer_->payload.relay_through;
  if (!theirs && !own_relay_) return;
  const RelayThroughInfo& info = theirs ? *theirs : *own_relay_;
  log_.note(AttemptStep::kRelay, "asking the relay {}, which {} named", to_hex(info.public_key.view()),
            theirs ? "the peer" : "we");
  RelayedPath::Owner& owner = *this;
  relay_ = std::make_unique<RelayedPath>(dht_, *socket_, info, !theirs, owner);
}

void Connector::on_relay_paired(net::UdpSocket& socket, const Address& relay, udx::StreamId leg) {
  if (state_ != State::kWaiting) return;
  state_ = State::kRelayed;
  timer_.stop();
  log_.note(AttemptStep::kPath, "relayed: {}", relay.to_string());
  relay_->start_carrying();
  open(socket, leg, relay, PathKind::kRelayed);
  end_search(ConnectError::kNone);
}

void Connector::on_relay_failed() {
  log_.note(AttemptStep::kRelay, "the relay did not bring the two sides together");
  check_paths_exhausted();
}

void Connector::on_remote_changed() {
  if (relay_) relay_->on_remote_changed();
}

void Connector::on_path_proven() {
  if (relay_) relay_->on_path_proven();
}

void Connector::give_up_paths() {
  timer_.stop();
  if (lan_ping_) lan_ping_->cancel();
  dht_.env().scheduler.retire(std::move(punch_));
  // One that the stream moves away from has work to do still.
  const bool in_use = relay_ && state_ == State::kDone && relay_->moving();
  if (!in_use) dht_.env().scheduler.retire(std::move(relay_));
}

void Connector::on_path(net::UdpSocket& socket, const net::Address& from) {
  if (state_ == State::kRelayed) {
    if (!relay_->is_from_relay(socket, from)) connect(socket, from, dht_.path_kind_of(from));
  } else if (state_ == State::kWaiting) {
    connect(socket, from, dht_.path_kind_of(from));
  } else if (state_ == State::kRoute || state_ == State::kFinding) {
    early_path_ = EarlyPath{&socket, from};
  }
}

void Connector::remember_peer() {
  const NoisePayload& payload = answer_->payload;
  if (payload.relay_addresses && !payload.relay_addresses->empty()) {
    dht_.remember_relays(remote_, *payload.relay_addresses);
  } else if (!tried_relays_.empty()) {
    dht_.remember_relays(remote_, tried_relays_);
  }
}

void Connector::open(net::UdpSocket& socket, udx::StreamId remote_id, const Address& to,
                     PathKind path) {
  remember_peer();
  socket_->open(answer_->keys, answer_->payload.extension, socket, remote_id, to, path);
}

/// A direct path is there. A relayed connection moves to it.
void Connector::connect(net::UdpSocket& socket, const Address& to, PathKind path) {
  if (state_ != State::kWaiting && state_ != State::kRelayed) return;
  log_.note(AttemptStep::kPath, "{}: {}", to_string(path), to.to_string());
  const NoisePayload& payload = answer_->payload;
  const udx::StreamId remote_id{static_cast<std::uint32_t>(payload.udx->id)};
  if (std::exchange(state_, State::kDone) == State::kRelayed) {
    relay_->move_to(socket, remote_id, to, path);
  } else {
    open(socket, remote_id, to, path);
  }
  if (options_.reusable_socket && payload.udx->reusable_socket) {
    dht_.routes().add(remote_, socket, to);
  }
  give_up_paths();
  end_search(ConnectError::kNone);
}

void Connector::on_timer() { check_paths_exhausted(); }

}  // namespace hsfwd::hyperdht
