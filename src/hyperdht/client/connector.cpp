// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/client/connector.hpp"

#include <algorithm>
#include <optional>

#include "hyperdht/client/context.hpp"
#include "util/text.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr Duration kPassiveWait = 10_s;  // for a peer that was told that we are reachable
}  // namespace

Connector::Connector(const ClientContext& context, PeerSocket& socket,
                     const crypto::PublicKey& remote, ConnectOptions options)
    : context_(context),
      socket_(&socket),
      remote_(remote),
      options_(std::move(options)),
      keys_(options_.key_pair.value_or(context.key_pair)),
      subject_(remote, keys_.public_key),
      log_(context.env.scheduler, options_.timeline),
      search_(new_search()),
      start_task_(context.env.scheduler,
                  [this] {
                    if (!try_route()) search();
                  }),
      timer_(context.env.scheduler, [this] { on_timer(); }) {}

Connector::~Connector() = default;

void Connector::start() {
  start_task_.post();
}

void Connector::on_socket_gone() {
  if (state_ == State::kQueued) context_.searches.unfollow(subject_, *this);
  state_ = State::kFailed;
  socket_ = nullptr;
  context_.env.scheduler.retire(std::move(second_opinion_));
  end_search(std::nullopt);
  start_task_.cancel();
  search_->cancel();
  give_up_paths();
}

void Connector::fail(ConnectError error, const char* detail) {
  if (state_ == State::kDone || state_ == State::kFailed) return;
  log_.note_failure(AttemptStep::kFailed, failure_so_far(error),
                    fmt::format("{}{}{}", describe(error), detail != nullptr ? ": " : "",
                                detail != nullptr ? detail : ""));
  search_->cancel();
  give_up_paths();
  state_ = State::kFailed;
  end_search(error);
  socket_->fail(error, detail);
}

AttemptFailure Connector::failure_so_far(ConnectError error) const {
  AttemptFailure failure{.error = error, .punch = punch_failure_, .own_nat = own_firewall_};
  if (answer_) failure.peer_nat = answer_->payload.firewall;
  if (punch_) {
    failure.own_nat = punch_->own_firewall();
    failure.peer_nat = punch_->remote_firewall();
  }
  return failure;
}

/// Nobody knows the peer, or there is nobody at all.
ConnectError Connector::not_found() const {
  return context_.node.has_been_answered() ? ConnectError::kPeerNotFound : ConnectError::kNoNetwork;
}

// --- The search ---

std::unique_ptr<PeerSearch> Connector::new_search() {
  PeerSearch::Observer& observer = *this;
  return std::make_unique<PeerSearch>(context_, remote_, keys_, log_, observer);
}

/// The first message is made when it is needed, with what is known of ourselves then; false if the
/// peer's key is no key.
bool Connector::prepare() {
  if (search_->prepared()) return true;
  const auto own = context_.node.remote_address();
  own_firewall_ = own ? Firewall::kOpen : Firewall::kUnknown;
  NoisePayload payload;
  payload.firewall = own_firewall_;
  if (own) payload.addresses4.push_back(*own);
  if (options_.local_connection) {
    for (const Address& local : context_.addresses.all_local()) payload.addresses4.push_back(local);
  }
  payload.udx =
      UdxInfo{.reusable_socket = options_.reusable_socket, .id = socket_->raw().id().value};
  payload.secret_stream = 1;
  if (options_.extension) options_.extension->features |= Extension::kOfConnections;
  payload.extension = options_.extension;
  if (payload.extension) {
    payload.extension->features |= Extension::kFirstRecord;
    payload.extension->stamp = context_.stamps.next();
    socket_->use_first_record();
  }
  own_relay_ = choose_relay(options_.relay_through, context_.env.random);
  payload.relay_through = own_relay_;
  return search_->prepare(payload);
}

/// What both sides can do; once the peer has answered.
std::uint64_t Connector::agreed() const {
  return Extension::agreed(options_.extension, answer_->payload.extension);
}

bool Connector::try_route() {
  if (!options_.reusable_socket) return false;
  const auto route = context_.routes.find(remote_);
  if (!route || !prepare()) return false;
  state_ = State::kRoute;
  search_->ask_directly(route->address, route->socket);
  return true;
}

/// Leads a search, or waits for the one that is under way. One with relays of its own is not
/// shared.
void Connector::search() {
  if (!options_.reusable_socket || !options_.relay_addresses.empty()) {
    begin_finding();
  } else if (context_.searches.lead(subject_)) {
    leads_ = true;
    begin_finding();
  } else {
    state_ = State::kQueued;
    log_.note(AttemptStep::kSearch,
              "another connection to this peer is being made; waiting for it");
    context_.searches.follow(subject_, *this);
  }
}

void Connector::end_search(std::optional<ConnectError> outcome) {
  if (!std::exchange(leads_, false)) return;
  for (Connector* follower : context_.searches.end(subject_)) follower->on_search_ended(outcome);
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
  find(options_.relay_addresses.empty() ? context_.relay_cache.find(remote_)
                                        : options_.relay_addresses);
}

void Connector::find(std::vector<Address> known_relays) {
  state_ = State::kFinding;
  if (prepare()) {
    search_->start(std::move(known_relays));
  } else {
    fail(not_found());
  }
}

void Connector::on_answered(PeerAnswer answer) {
  if (state_ == State::kQueued) context_.searches.unfollow(subject_, *this);
  answer_ = std::move(answer);
  choose_path();
}

void Connector::on_not_answered(bool known) {
  fail(known ? ConnectError::kPeerConnectionFailed : not_found());
}

/// A lost datagram is no reason to give the path up, nor a dead path one to wait for all repeats.
void Connector::on_path_slow() {
  if (state_ == State::kRoute) search();
}

void Connector::on_path_dead(const net::UdpSocket& socket, const Address& address) {
  context_.routes.forget(remote_, socket, address);
  if (state_ == State::kRoute) search();
}

// --- Paths ---

/// What the peer's answer says about how to reach it; the order is upstream's.
void Connector::choose_path() {
  const NoisePayload& payload = answer_->payload;
  state_ = State::kWaiting;
  if (payload.version != 1) {
    fail(ConnectError::kServerIncompatible);
    return;
  }
  if (payload.error != PayloadError::kNone || !payload.udx) {
    fail(ConnectError::kServerError);
    return;
  }
  socket_->raw().set_rtt_hint(answer_->rtt);
  net::UdpSocket& own_socket = context_.node.sending_socket();
  const bool relayed = answer_->server_address != answer_->relay;
  const bool punchable = payload.holepunch && !payload.holepunch->relays.empty();
  const bool open = payload.firewall == Firewall::kOpen;

  if (early_path_) {
    log_.note(AttemptStep::kDirect, "the peer's stream is already here");
    connect(*early_path_->socket, early_path_->from, path_kind_of(early_path_->from));
  } else if (!answer_->relayed) {
    net::UdpSocket& socket = answer_->socket != nullptr ? *answer_->socket : own_socket;
    log_.note(AttemptStep::kDirect, "the peer itself answered");
    connect(socket, answer_->relay, path_kind_of(answer_->relay));
  } else if (open || (relayed && !punchable)) {
    const auto& addresses = payload.addresses4;
    const auto reachable = std::find_if(addresses.begin(), addresses.end(),
                                        [](const Address& a) { return !net::is_bogon(a.host); });
    const Address to = reachable != addresses.end() ? *reachable : answer_->server_address;
    log_.note(AttemptStep::kDirect, "the peer accepts packets from anybody at {}", to.to_string());
    connect(own_socket, to, path_kind_of(to));
  } else if (own_firewall_ == Firewall::kOpen) {
    log_.note(AttemptStep::kDirect, "we accept packets from anybody; waiting for the peer's");
    relay();
    timer_.start(kPassiveWait);
  } else {
    relay();
    const bool probing = relayed && probe_host();
    if (punchable && options_.holepunch) {
      punch();
    } else if (!probing && !relay_) {
      fail(ConnectError::kCannotHolepunch);
    }
  }
}

/// False when there is nothing to try.
bool Connector::probe_host() {
  host_probe_ = std::make_unique<HostProbe>(
      context_, target_of_peer(remote_), search_->first_message(), *answer_, log_,
      [this](bool found) {
        if (found) {
          const bool lan = host_probe_->same_network();
          connect(lan ? context_.node.server_socket() : context_.node.sending_socket(),
                  host_probe_->address(), lan ? PathKind::kLan : PathKind::kDirect);
        } else {
          check_paths_exhausted();
        }
      });
  if (host_probe_->same_network() && !options_.local_connection) return false;
  return host_probe_->start();
}

void Connector::punch() {
  const NoisePayload& payload = answer_->payload;
  PunchTerms terms{
      .target = target_of_peer(remote_),
      .key = SecurePayload::shared_key(answer_->keys, (agreed() & Extension::kSecretKeys) != 0),
      .session = *payload.holepunch,
      .relay = answer_->relay,
      .server_address = answer_->server_address,
      .server_firewall = payload.firewall,
      .server_is_hsfwd = payload.extension.has_value(),
      .rtt = answer_->rtt,
      .fast_open = options_.fast_open,
      .patient = relay_ != nullptr,
  };
  ClientPunch::Observer& observer = *this;
  punch_ = std::make_unique<ClientPunch>(context_, std::move(terms), log_, observer);
}

void Connector::on_punched(net::UdpSocket& socket, const Address& from) {
  connect(socket, from, path_kind_of(from));
}

void Connector::on_open_server(const Address& address) {
  log_.note(AttemptStep::kDirect, "the peer accepts packets from anybody at {}",
            address.to_string());
  connect(context_.node.sending_socket(), address, path_kind_of(address));
}

void Connector::on_punch_failed(PunchFailure failure) {
  punch_failure_ = failure;
  if (!ask_anew(failure)) check_paths_exhausted();
}

/// A server that loses the samples of its own NAT breaks its punch off; by the next handshake it has
/// better luck, perhaps. It has let go of the stream, so nothing of the old attempt comes in between.
bool Connector::ask_anew(PunchFailure failure) {
  const bool hopeless =
      failure != PunchFailure::kServerAborted || punch_->own_firewall() >= Firewall::kRandom;
  if (state_ != State::kWaiting || relay_ || hopeless) return false;
  if (!std::exchange(may_ask_anew_, false)) return false;
  log_.note(AttemptStep::kHandshake, "asking the peer again");
  give_up_paths();
  std::vector<Address> relays = search_->tried();
  context_.env.scheduler.retire(std::exchange(search_, new_search()));
  find(std::move(relays));
  return true;
}

/// Nothing is left to try once neither an address of the peer's own nor a punch nor a relay can bring a path
/// any more. What a relay carries stays there.
void Connector::check_paths_exhausted() {
  if (state_ != State::kWaiting && state_ != State::kRelayed) return;
  if ((host_probe_ && host_probe_->active()) || (punch_ && punch_->running())) return;
  if (state_ == State::kRelayed) {
    const char* why = punch_failure_ ? describe(*punch_failure_) : "hole punching is not possible";
    log_.note_failure(AttemptStep::kPath, failure_so_far(ConnectError::kHolepunchAborted),
                      fmt::format("stays on the relay: {}", why));
    return;
  }
  if (timer_.armed() || (relay_ && relay_->pairing())) return;
  fail(ConnectError::kHolepunchAborted, punch_failure_ ? describe(*punch_failure_) : nullptr);
}

// --- The relay ---

/// The relay the server names, else our own: upstream's order, and both sides come to the same.
void Connector::relay() {
  const auto& theirs = answer_->payload.relay_through;
  if (!theirs && !own_relay_) return;
  const RelayThroughInfo& info = theirs ? *theirs : *own_relay_;
  log_.note(AttemptStep::kRelay, "asking the relay {}, which {} named",
            to_hex(info.public_key.view()), theirs ? "the peer" : "we");
  RelayedPath::Owner& owner = *this;
  relay_ =
      std::make_unique<RelayedPath>(context_, *socket_, info, RelayIdentity::kNode, !theirs, owner);
}

void Connector::on_relay_paired(net::UdpSocket& socket, const Address& relay, udx::StreamId leg) {
  if (state_ != State::kWaiting) return;
  state_ = State::kRelayed;
  timer_.stop();
  log_.note(AttemptStep::kPath, "relayed: {}", relay.to_string());
  relay_->start_carrying();
  open(socket, leg, relay, PathKind::kRelayed);
  end_search(ConnectError::kNone);
  check_paths_exhausted();
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

/// The peer may have moved, or its NAT may have lost the path. Its new place is found as any peer
/// is; the stream itself would try the old one for much longer.
void Connector::on_stalled() {
  if (state_ != State::kDone || second_opinion_) return;
  log_.note(AttemptStep::kPath, "the peer has gone silent; has it moved?");
  second_opinion_ =
      std::make_unique<SecondOpinion>(context_, remote_, keys_, log_, [this](bool answered) {
        context_.env.scheduler.retire(std::move(second_opinion_));
        if (!answered) return;
        context_.routes.forget(remote_);
        socket_->check_path("the peer is there, but no longer on this path");
      });
  second_opinion_->start();
}

void Connector::give_up_paths() {
  timer_.stop();
  context_.env.scheduler.retire(std::move(host_probe_));
  context_.env.scheduler.retire(std::move(punch_));
  // One that the stream moves away from has work to do still.
  const bool in_use = relay_ && state_ == State::kDone && relay_->moving();
  if (!in_use) context_.env.scheduler.retire(std::move(relay_));
}

void Connector::on_path(net::UdpSocket& socket, const net::Address& from) {
  if (state_ == State::kRelayed) {
    if (!relay_->is_from_relay(socket, from)) connect(socket, from, path_kind_of(from));
  } else if (state_ == State::kWaiting) {
    connect(socket, from, path_kind_of(from));
  } else if (state_ == State::kRoute || state_ == State::kQueued || state_ == State::kFinding) {
    early_path_ = EarlyPath{context_.endpoint.hold(socket), from};
  }
}

void Connector::remember_peer() {
  const NoisePayload& payload = answer_->payload;
  if (payload.relay_addresses && !payload.relay_addresses->empty()) {
    context_.relay_cache.remember(remote_, *payload.relay_addresses);
  } else if (!search_->tried().empty()) {
    context_.relay_cache.remember(remote_, search_->tried());
  }
}

void Connector::open(net::UdpSocket& socket, udx::StreamId remote_id, const Address& to,
                     PathKind path) {
  remember_peer();
  socket_->agree(agreed());
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
    context_.routes.add(remote_, socket, to);
  }
  give_up_paths();
  end_search(ConnectError::kNone);
}

void Connector::on_timer() {
  check_paths_exhausted();
}

}  // namespace hsfwd::hyperdht
