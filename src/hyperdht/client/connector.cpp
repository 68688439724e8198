// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/client/connector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "hyperdht/client/candidates.hpp"
#include "hyperdht/client/context.hpp"
#include "hyperdht/client/host_probe.hpp"
#include "hyperdht/nat/outcomes.hpp"
#include "hyperdht/peer/relay_candidate.hpp"
#include "util/text.hpp"

namespace hsfwd::hyperdht {

namespace {

/// A failure of it is a line of the timeline.
class LoggedRelay final : public RelayCandidate {
 public:
  LoggedRelay(PathRace& race, const PeerContext& context, PeerSocket& socket,
              const RelayThroughInfo& relay, bool initiator, const AttemptLog& log)
      : RelayCandidate(race, context, socket, relay, RelayIdentity::kNode, initiator), log_(log) {}

 private:
  void on_relay_failed() override {
    log_.note(AttemptStep::kRelay, "the relay did not bring the two sides together");
    RelayCandidate::on_relay_failed();
  }

  const AttemptLog& log_;
};

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
      race_(context.env.scheduler, static_cast<PathRace::Owner&>(*this)),
      start_task_(context.env.scheduler, [this] {
        if (!try_route()) search();
      }) {}

Connector::~Connector() = default;

void Connector::start() {
  start_task_.post();
}

void Connector::on_connection_over() {
  if (state_ == State::kQueued) context_.searches.unfollow(subject_, *this);
  state_ = State::kFailed;
  socket_ = nullptr;
  context_.env.scheduler.retire(std::move(second_opinion_));
  end_search(std::nullopt);
  context_.attempts.end(*this);
}

void Connector::cancel() {
  start_task_.cancel();
  search_->cancel();
  race_.stop();
}

void Connector::fail(ConnectError error, const char* detail) {
  if (state_ == State::kDone || state_ == State::kFailed) return;
  log_.note_failure(AttemptStep::kFailed, failure_so_far(error),
                    fmt::format("{}{}{}", describe(error), detail != nullptr ? ": " : "",
                                detail != nullptr ? detail : ""));
  context_.outcomes.note_failure(error);
  search_->cancel();
  race_.stop();
  state_ = State::kFailed;
  end_search(error, detail);
  socket_->fail(error, detail);
}

AttemptFailure Connector::failure_so_far(ConnectError error) const {
  AttemptFailure failure{.error = error, .punch = punch_failure_, .own_nat = own_firewall_};
  if (answer_) failure.peer_nat = answer_->payload.firewall;
  race_.explain(failure);
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
  // Who says that everybody reaches him has a connection of a stock server with its answer.
  const auto own = options_.leave_plain ? std::nullopt : context_.node.remote_address();
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
  if (options_.extension) options_.extension->features |= context_.features;
  payload.extension = options_.extension;
  if (payload.extension) {
    payload.extension->features |= Extension::kFirstRecord;
    payload.extension->stamp = context_.stamps.next();
    socket_->use_first_record();
  }
  if (!options_.direct_only) {
    own_relay_ = choose_relay(options_.relay_through, context_.env.random);
  }
  payload.relay_through = own_relay_;
  return search_->prepare(payload);
}

/// What both sides can do, and that this one wants no service; once the peer has answered.
std::uint64_t Connector::agreed() const {
  const std::uint64_t own = options_.extension ? options_.extension->features : 0;
  return Extension::agreed(options_.extension, answer_->payload.extension) |
         (own & Extension::kNoService);
}

bool Connector::try_route() {
  if (!options_.reusable_socket || !options_.known_path) return false;
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

/// `detail` is what fail() is told beside the error, for those that wait and fail with it.
void Connector::end_search(std::optional<ConnectError> outcome, const char* detail) {
  if (!std::exchange(leads_, false)) return;
  for (Connector* follower : context_.searches.end(subject_))
    follower->on_search_ended(outcome, detail);
}

void Connector::on_search_ended(std::optional<ConnectError> outcome, const char* detail) {
  if (!outcome) {
    search();
  } else if (*outcome != ConnectError::kNone) {
    fail(*outcome, detail);
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
  begin_race();
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

/// What the peer's answer says about how to reach it.
void Connector::begin_race() {
  const NoisePayload& payload = answer_->payload;
  state_ = State::kWaiting;
  if (payload.version != 1) {
    fail(ConnectError::kServerIncompatible);
  } else if (payload.error != PayloadError::kNone || !payload.udx) {
    fail(ConnectError::kServerError);
  } else if (may_leave()) {
    remember_peer();
    end_search(ConnectError::kNone);
    fail(ConnectError::kPlainPeer);
  } else if (may_tell_more()) {
    options_.leave_plain = false;
    begin_anew();
  } else {
    socket_->raw().set_rtt_hint(answer_->rtt);
    enter_race();
  }
}

bool Connector::may_leave() const {
  const bool plain = !answer_->payload.extension;
  return options_.leave_plain && plain && answer_->relayed && !early_path_;
}

/// The peer is an hsfwd, from which nothing has to be kept to itself; and a path from there may take it.
bool Connector::may_tell_more() const {
  return options_.leave_plain && answer_->relayed && !early_path_ &&
         context_.node.remote_address().has_value();
}

/// Every way to a peer that there is, in upstream's order. What is certain has no company.
void Connector::enter_race() {
  if (const auto known = known_path()) {
    race_.enter(std::make_unique<KnownPath>(race_, *known));
    return;
  }
  if (own_firewall_ == Firewall::kOpen) {
    log_.note(AttemptStep::kDirect, "we accept packets from anybody; waiting for the peer's");
    enter_relay();
    race_.enter(std::make_unique<PassiveWait>(race_, context_.env.scheduler));
    return;
  }
  enter_relay();
  const bool relayed = answer_->server_address != answer_->relay;
  if (relayed) {
    race_.enter(std::make_unique<HostProbe>(race_, context_, target_of_peer(remote_),
                                            search_->first_message(), *answer_,
                                            options_.local_connection, log_));
  }
  const auto& holepunch = answer_->payload.holepunch;
  if (holepunch && !holepunch->relays.empty() && options_.holepunch) {
    race_.enter(std::make_unique<PunchCandidate>(race_, context_, punch_terms(), log_));
  }
  if (!race_.running()) fail(ConnectError::kCannotHolepunch);
}

/// A path that needs no trying.
std::optional<PeerPath> Connector::known_path() {
  const NoisePayload& payload = answer_->payload;
  net::UdpSocket& own_socket = context_.node.sending_socket();
  const bool relayed = answer_->server_address != answer_->relay;
  const bool punchable = payload.holepunch && !payload.holepunch->relays.empty();
  const bool open = payload.firewall == Firewall::kOpen;
  if (early_path_) {
    log_.note(AttemptStep::kDirect, "the peer's stream is already here");
    return PeerPath{*early_path_->socket, early_path_->from, path_kind_of(early_path_->from)};
  }
  if (!answer_->relayed) {
    log_.note(AttemptStep::kDirect, "the peer itself answered");
    return PeerPath{answer_->socket != nullptr ? *answer_->socket : own_socket, answer_->relay,
                    path_kind_of(answer_->relay)};
  }
  if (!open && (!relayed || punchable)) return std::nullopt;
  const auto& addresses = payload.addresses4;
  const auto reachable = std::find_if(addresses.begin(), addresses.end(),
                                      [](const Address& a) { return !net::is_bogon(a.host); });
  const Address to = reachable != addresses.end() ? *reachable : answer_->server_address;
  log_.note(AttemptStep::kDirect, "the peer accepts packets from anybody at {}", to.to_string());
  return PeerPath{own_socket, to, path_kind_of(to)};
}

/// The relay the server names, else our own: upstream's order, and both sides come to the same.
void Connector::enter_relay() {
  const auto& theirs = answer_->payload.relay_through;
  if (!relay_is_named()) return;
  const RelayThroughInfo& info = theirs ? *theirs : *own_relay_;
  log_.note(AttemptStep::kRelay, "asking the relay {}, which {} named",
            to_hex(info.public_key.view()), theirs ? "the peer" : "we");
  race_.enter(std::make_unique<LoggedRelay>(race_, context_, *socket_, info, !theirs, log_));
}

bool Connector::relay_is_named() const {
  return !options_.direct_only && (answer_->payload.relay_through || own_relay_);
}

PunchTerms Connector::punch_terms() const {
  const NoisePayload& payload = answer_->payload;
  return {
      .target = target_of_peer(remote_),
      .key = SecurePayload::shared_key(answer_->keys, (agreed() & Extension::kSecretKeys) != 0),
      .session = *payload.holepunch,
      .relay = answer_->relay,
      .server_address = answer_->server_address,
      .server_firewall = payload.firewall,
      .server_is_hsfwd = payload.extension.has_value(),
      .rtt = answer_->rtt,
      .fast_open = options_.fast_open,
      .patient = relay_is_named(),
  };
}

bool Connector::on_candidate_lost(const PathCandidate& candidate) {
  AttemptFailure failure{
      .error = ConnectError::kHolepunchAborted, .punch = std::nullopt, .own_nat = own_firewall_};
  candidate.explain(failure);
  if (!failure.punch) return false;
  punch_failure_ = failure.punch;
  return ask_anew(failure);
}

/// A server that loses the samples of its own NAT breaks its punch off; by the next handshake it has
/// better luck, perhaps. It has let go of the stream, so nothing of the old attempt comes in between.
bool Connector::ask_anew(const AttemptFailure& failure) {
  const bool hopeless =
      failure.punch != PunchFailure::kServerAborted || failure.own_nat >= Firewall::kRandom;
  if (state_ != State::kWaiting || relay_is_named() || hopeless) return false;
  if (!std::exchange(may_ask_anew_, false)) return false;
  begin_anew();
  return true;
}

void Connector::begin_anew() {
  log_.note(AttemptStep::kHandshake, "{}", kAskingAnew);
  race_.stop();
  std::vector<Address> relays = search_->tried();
  context_.env.scheduler.retire(std::exchange(search_, new_search()));
  find(std::move(relays));
}

/// What a relay carries stays there.
void Connector::on_race_lost() {
  if (state_ == State::kRelayed) {
    const char* why = punch_failure_ ? describe(*punch_failure_) : "hole punching is not possible";
    log_.note_failure(AttemptStep::kPath, failure_so_far(ConnectError::kHolepunchAborted),
                      fmt::format("stays on the relay: {}", why));
  } else if (state_ == State::kWaiting) {
    fail(ConnectError::kHolepunchAborted, punch_failure_ ? describe(*punch_failure_) : nullptr);
  }
}

void Connector::on_carrier_found(std::unique_ptr<PathCarrier> carrier, const PeerPath& path,
                                 udx::StreamId leg) {
  if (state_ != State::kWaiting) {
    context_.env.scheduler.retire(std::move(carrier));
    return;
  }
  state_ = State::kRelayed;
  log_.note(AttemptStep::kPath, "relayed: {}", path.remote.to_string());
  context_.outcomes.note_reached(PathKind::kRelayed);
  remember_peer();
  socket_->agree(agreed());
  socket_->open_carried(answer_->keys, answer_->payload.extension, std::move(carrier), path, leg,
                        remote_id());
  end_search(ConnectError::kNone);
}

/// A direct path is there. A relayed connection moves to it.
void Connector::on_path_found(const PeerPath& path) {
  if (state_ != State::kWaiting && state_ != State::kRelayed) return;
  log_.note(AttemptStep::kPath, "{}: {}", to_string(path.kind), path.remote.to_string());
  const NoisePayload& payload = answer_->payload;
  if (std::exchange(state_, State::kDone) == State::kRelayed) {
    socket_->leave_carrier(path);
  } else {
    context_.outcomes.note_reached(path.kind);
    remember_peer();
    socket_->agree(agreed());
    socket_->open(answer_->keys, payload.extension, path, remote_id());
  }
  if (options_.reusable_socket && payload.udx->reusable_socket) {
    context_.routes.add(remote_, path.socket, path.remote);
  }
  race_.stop();
  end_search(ConnectError::kNone);
}

udx::StreamId Connector::remote_id() const {
  return udx::StreamId{static_cast<std::uint32_t>(answer_->payload.udx->id)};
}

void Connector::on_path(net::UdpSocket& socket, const net::Address& from) {
  if (state_ == State::kRelayed || state_ == State::kWaiting) {
    on_path_found({socket, from, path_kind_of(from)});
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

/// The peer may have moved, or its NAT may have lost the path. Its new place is found as any peer
/// is; the stream itself would try the old one for much longer.
void Connector::on_stalled() {
  if (state_ != State::kDone || second_opinion_) return;
  log_.note(AttemptStep::kPath, "the peer has gone silent; has it moved?");
  second_opinion_ = std::make_unique<SecondOpinion>(
      context_, remote_, keys_, !socket_->extension(), log_, [this](bool answered) {
        context_.env.scheduler.retire(std::move(second_opinion_));
        if (!answered) return;
        context_.routes.forget(remote_);
        socket_->check_path("the peer is there, but no longer on this path");
      });
  second_opinion_->start();
}

}  // namespace hsfwd::hyperdht
