// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/server/server_session.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "hyperdht/peer/peer_connections.hpp"
#include "hyperdht/server/answer_payload.hpp"
#include "hyperdht/server/context.hpp"

namespace hsfwd::hyperdht {

namespace {

constexpr Duration kClearWait = 10_s;   // copies of the first message may still come
constexpr Duration kStreamWait = 10_s;  // for the client's stream, its proof, or its first punch
constexpr Duration kReturnWait = 25_s;  // for a client that is to come again in 10 to 20 s
// A client that is known at its address is handed over before its proof, so that a service that
// speaks first loses no round trip. Beyond this many at once they wait for it.
constexpr std::size_t kMaxEarly = 128;

bool has_first_record(const std::optional<Extension>& block) {
  return block && (block->features & Extension::kFirstRecord) != 0;
}

}  // namespace

ServerSession::ServerSession(Server& server, std::size_t id, const Bytes& noise,
                             const Address& source)
    : server_(server),
      context_(server.context_),
      id_(id),
      noise_(noise),
      source_(source),
      started_at_(server.context_.env.now()),
      asked_at_(started_at_),
      dial_(server.context_.client_relays),
      race_(server.context_.env.scheduler, static_cast<PathRace::Owner&>(*this)),
      timer_(server.context_.env.scheduler, [this] { on_timer(); }),
      repeat_timer_(server.context_.env.scheduler, [this] { repeat_answer_(); }) {}

ServerSession::~ServerSession() {
  cancel();
}

void ServerSession::cancel() {
  timer_.stop();
  repeat_timer_.stop();
  end_race();
  dial_.ended();
  if (PeerSocket* const living = std::exchange(handed_over_, nullptr)) {
    living->set_path_observer(nullptr);
    if (!proven_) living->fail(ConnectError::kTimedOut);
  }
  if (socket_) socket_->set_path_observer(nullptr);
}

bool ServerSession::begin(const HandshakeMessage& message, const rpc::RequestOrigin& origin) {
  const auto prologue = name_space_of(Command::kPeerHandshake).view();
  noise::Responder responder(server_.keys_, prologue);
  const auto opened = responder.read_message1(message.noise);
  const auto payload = opened ? NoisePayload::decode(*opened) : Err(Errc::kMalformed);
  if (!payload) {
    ++server_.stats_.invalid;
    return false;
  }
  remote_ = *payload;
  key_ = responder.remote_key();
  client_ = message.peer_address.value_or(origin.from);
  const Visitor visitor{key_, client_, remote_};
  const bool self_test = server_.self_test_ && server_.self_test_->is_test(key_, remote_);
  const bool allowed = self_test || !server_.options_.allow || server_.options_.allow(visitor);
  // Who decides may take the server away meanwhile.
  if (!allowed || server_.cancelled()) {
    ++server_.stats_.refused;
    return false;
  }
  PayloadError error = PayloadError::kNone;
  if (remote_.version != 1) {
    error = PayloadError::kVersionMismatch;
  } else if (self_test || !remote_.udx) {
    error = PayloadError::kAborted;
  } else {
    prepare_stream();
  }
  const NoisePayload own =
      answer_payload(context_, server_.options_, *server_.announcer_,
                     {.error = error,
                      .introducer = origin.from,
                      .session = id_,
                      .stream = socket_ ? socket_->raw().id() : udx::StreamId{},
                      .own_relay = own_relay_,
                      .client = key_,
                      .extension = remote_.extension,
                      .most = kAmplification * size_of_question(noise_)});
  if (socket_ && own.extension && has_first_record(remote_.extension)) socket_->use_first_record();
  const auto ephemeral = crypto::KeyPair::generate(context_.env.random);
  features_ = Extension::agreed(own.extension, remote_.extension);
  if (socket_) socket_->agree(features_);
  auto answer = responder.write_message2(ephemeral, own.encode());
  if (!answer) return false;
  answer_ = std::move(answer->message);
  keys_ = answer->session;
  if (error != PayloadError::kNone) {
    state_ = State::kFailed;
    clear_later();
    return true;
  }
  state_ = State::kWaiting;
  auto awaited = std::make_unique<AwaitedClient>(race_, context_.env.scheduler, kStreamWait);
  awaited_ = awaited.get();
  race_.enter(std::move(awaited));
  find_path(message, origin);
  return true;
}

void ServerSession::prepare_stream() {
  message_ = server_.clients_.note_message(key_, stamp(), started_at_);
  alive_ = message_ == KnownClients::Message::kFresh;
  socket_ = std::make_unique<PeerSocket>(context_, server_.public_key(), key_, false);
  socket_->set_path_observer(this);
  own_relay_ = choose_relay(server_.options_.relay_through, context_.env.random);
}

/// Who asks directly comes to where the answer is from. A client that everybody reaches has to be
/// sent something, for a NAT on this side to let it in.
void ServerSession::find_path(const HandshakeMessage& message, const rpc::RequestOrigin& origin) {
  const bool direct = !message.peer_address;
  const bool client_open = remote_.firewall == Firewall::kOpen;
  const std::uint64_t received = kAmplification * size_of_question(noise_);
  if (direct) {
    if (may_be_early()) connect(*origin.socket, client_, received - size_of_answer(answer_));
  } else if (client_open) {
    connect(context_.node.sending_socket(), client_, received);
  } else {
    enter_relay();
    const bool punches = server_.options_.holepunch && !context_.node.remote_address();
    if (punches) prepare_punch(message, origin);
    if (!remote_.extension) repeat_answer_later(message, origin);
  }
}

void ServerSession::repeat_answer_later(const HandshakeMessage& message,
                                        const rpc::RequestOrigin& origin) {
  if (2 * size_of_answer(answer_) > kAmplification * size_of_question(noise_)) return;
  repeat_answer_ = [this, message, origin] {
    if (state_ != State::kWaiting || joined_) return;
    // The socket that the message came in on may be gone by now; that of the announcements is not.
    net::UdpSocket* const own = answer_socket();
    context_.router.answer_handshake(
        origin, message, {answer_, own != nullptr ? own : &context_.node.sending_socket()});
  };
  repeat_timer_.start(kAnswerRepeat);
}

/// What leads the stream of a stock client to an address that is only claimed must not be told to
/// anybody else: whoever hears it can send what counts as the proof. Other clients prove themselves
/// with their keys, and whoever was first to pass their message on keeps them from nothing.
std::optional<HandshakeAnswer> ServerSession::answer_copy(const HandshakeMessage& message,
                                                          const rpc::RequestOrigin& origin) const {
  const net::Ipv4 asks = message.peer_address.value_or(origin.from).host;
  const bool proof_by_keys = has_first_record(remote_.extension);
  if (joined_ && !proven_ && !proof_by_keys && asks != client_.host) return std::nullopt;
  return HandshakeAnswer{answer_, answer_socket()};
}

EvictionOrder::Standing ServerSession::standing() const {
  using Standing = EvictionOrder::Standing;
  if (proven_ || state_ == State::kFailed) return Standing::kOver;
  return alive_ ? Standing::kAlive : Standing::kStranger;
}

// --- The ways to a path ---

/// The relay is ours if we named one, else the client's: upstream's order, and both sides come to
/// the same.
void ServerSession::enter_relay() {
  std::unique_ptr<RelayCandidate> relay;
  if (own_relay_) {
    relay = std::make_unique<RelayCandidate>(race_, context_, *socket_, *own_relay_,
                                             RelayIdentity::kNode, true);
  } else if (remote_.relay_through) {
    const ClientsRelay::Terms terms{
        .options = server_.options_,
        .client = key_,
        .host = source_.host,
        .alive = alive_,
        .message = crypto::blake2b_256(noise_),
        .until = started_at_ + kStreamWait,
    };
    relay = std::make_unique<ClientsRelay>(race_, context_, *socket_, *remote_.relay_through, dial_,
                                           terms);
  }
  if (!relay) return;
  RelayCandidate* const entered = relay.get();
  if (race_.enter(std::move(relay))) relay_ = entered;
}

bool ServerSession::has_relay() {
  return state_ == State::kRelayed || (relay_ != nullptr && relay_->active());
}

bool ServerSession::on_candidate_lost(const PathCandidate& candidate) {
  if (&candidate != awaited_) return false;
  if (!has_relay()) on_timer();
  return true;
}

void ServerSession::on_race_lost() {
  if (state_ == State::kWaiting && !joined_) give_up();
}

void ServerSession::on_carrier_found(std::unique_ptr<PathCarrier> carrier, const PeerPath& path,
                                     udx::StreamId leg) {
  state_ = State::kRelayed;
  timer_.start(kStreamWait);
  socket_->open_carried(*keys_, remote_.extension, std::move(carrier), path, leg, remote_id());
}

void ServerSession::end_race() {
  race_.stop();
  awaited_ = nullptr;
  punch_ = nullptr;
  relay_ = nullptr;
}

// --- The punch ---

/// The answer leaves from the socket that will punch, so that the client hears of its address; but
/// not to a client next door, which will come to the server's own socket.
void ServerSession::prepare_punch(const HandshakeMessage& message,
                                  const rpc::RequestOrigin& origin) {
  ServerPunch::Owner& owner = *this;
  const bool secret_keys = (features_ & Extension::kSecretKeys) != 0;
  auto punch = std::make_unique<AnsweredPunch>(
      std::make_unique<ServerPunch>(context_, SecurePayload::shared_key(*keys_, secret_keys),
                                    remote_.firewall, remote_.extension.has_value(), owner));
  AnsweredPunch* const entered = punch.get();
  if (!race_.enter(std::move(punch))) return;
  punch_ = entered;
  punch_->punch().on_handshake(message, origin);
  answers_from_punch_ = !shares_network(origin);
}

void ServerSession::on_copy(const HandshakeMessage& message, const rpc::RequestOrigin& origin) {
  if (punch_ != nullptr) punch_->punch().on_handshake(message, origin);
}

/// A punch may go on with a fresh socket, and has none once it is over.
net::UdpSocket* ServerSession::answer_socket() const {
  const bool from_punch = answers_from_punch_ && punch_ != nullptr && punch_->punch().usable();
  return from_punch ? &punch_->punch().socket() : nullptr;
}

bool ServerSession::shares_network(const rpc::RequestOrigin& origin) const {
  if (client_.host != origin.to.host || !server_.options_.share_local_addresses) return false;
  std::vector<Address> theirs;
  std::copy_if(remote_.addresses4.begin(), remote_.addresses4.end(), std::back_inserter(theirs),
               [](const Address& address) { return net::is_private(address.host); });
  return match_lan_address(context_.addresses.validated_local(), theirs).has_value();
}

bool ServerSession::is_own_relay(const Address& relay) {
  return server_.announcer_->is_relay(relay);
}

std::size_t ServerSession::introductions_wanted() {
  return Introductions::wanted(server_.announcer_->relays());
}

void ServerSession::on_holepunch(const HolepunchMessage& message,
                                 const rpc::RequestOrigin& origin) {
  if (punch_ == nullptr || (state_ != State::kWaiting && state_ != State::kRelayed)) return;
  asked_at_ = context_.env.now();
  repeat_timer_.stop();
  punch_->punch().on_request(message, origin);
}

void ServerSession::on_request_opened() {
  alive_ = true;
  server_.order_.change(id_, standing());
}

void ServerSession::on_punching() {
  punch_->set_punching(true);
  awaited_->cancel();
}

void ServerSession::on_punch_put_off() {
  punch_->set_punching(false);
  if (state_ == State::kWaiting) awaited_->extend(kReturnWait);
}

/// The client will not come any more, unless it is through a relay.
void ServerSession::on_punch_over() {
  AnsweredPunch& over = *std::exchange(punch_, nullptr);
  over.set_punching(false);
  if (!has_relay()) awaited_->cancel();
  race_.lost(over);
}

void ServerSession::give_up() {
  ++server_.stats_.abandoned;
  state_ = State::kFailed;
  server_.order_.change(id_, standing());
  end_race();
  clear_later();
}

// --- The path and the proof ---

/// The packet names the stream, whose id only the answer told.
void ServerSession::on_path(net::UdpSocket& socket, const net::Address& from) {
  if (state_ == State::kRelayed) {
    if (proven_) leave_relay(socket, from);
  } else if (joined_ && !proven_) {
    stream().raw().redirect(socket, from);
    stream().raw().limit_unproven(0);
  } else if (state_ == State::kWaiting && !joined_) {
    // Out by way of a relay or as a punch, and back on the path itself.
    socket_->raw().set_rtt_hint(context_.env.now() - asked_at_);
    connect(socket, from, 0);
  }
}

/// `allowance`: what may be sent there before anything has come from there.
void ServerSession::connect(net::UdpSocket& socket, const net::Address& to,
                            std::uint64_t allowance) {
  joined_ = true;
  if (punch_ != nullptr) punch_->punch().on_path(to);
  timer_.start(kStreamWait);
  socket_->raw().limit_unproven(allowance);
  socket_->open(*keys_, remote_.extension, {socket, to, path_kind_of(to)}, remote_id());
  end_race();
  if (may_be_early()) hand_over();
}

/// A relayed connection moves to a direct path.
void ServerSession::leave_relay(net::UdpSocket& socket, const net::Address& to) {
  state_ = State::kConnected;
  if (punch_ != nullptr) punch_->punch().on_path(to);
  stream().leave_carrier({socket, to, path_kind_of(to)});
  remember_route();
  settle();
}

/// Known there, and come back with a fresh first message; never on the word of an old one.
bool ServerSession::may_be_early() const {
  if (message_ != KnownClients::Message::kFresh) return false;
  // A session leaves the path that it has only for one that is proven.
  if ((features_ & Extension::kResume) != 0) return false;
  const bool known = server_.clients_.was_at(key_, client_, context_.env.now()) ||
                     context_.connections.is_connected_at(key_, client_);
  if (!known) return false;
  std::size_t early = 0;
  server_.sessions_.for_each(
      [&](std::size_t, const ServerSession& session) { early += session.early() ? 1 : 0; });
  return early < kMaxEarly;
}

void ServerSession::on_proven() {
  proven_ = true;
  udx::Stream& raw = stream().raw();
  raw.lift_limit();
  dial_.forgiven();
  const bool relayed = state_ == State::kRelayed;
  const Address at = relayed ? client_ : raw.remote();
  context_.connections.doubt_other_paths(stream(), at);
  server_.gate_.give_back(source_, context_.env.now());
  server_.clients_.note_proof(key_, stamp(), started_at_,
                              relayed ? std::nullopt : std::optional(at), context_.env.now());
  if (!relayed) remember_route();
  if (socket_) hand_over();
  if (relayed) {
    timer_.stop();
    server_.order_.remove(id_);  // it stays as long as the connection, and takes no room
  } else {
    settle();
  }
}

void ServerSession::remember_route() {
  const bool reusable = server_.options_.reusable_socket && remote_.udx->reusable_socket;
  udx::Stream& raw = stream().raw();
  if (reusable) context_.routes.add(key_, *raw.socket(), raw.remote());
}

void ServerSession::hand_over() {
  if (state_ != State::kRelayed) state_ = State::kConnected;
  if (!proven_) ++server_.stats_.early;
  handed_over_ = socket_.get();
  server_.hand_over(std::move(socket_));
}

void ServerSession::on_connection_over() {
  handed_over_ = nullptr;
  if (state_ == State::kRelayed) state_ = State::kConnected;
  settle();
}

/// What is left to do is to answer copies of the first message for a while.
void ServerSession::settle() {
  end_race();
  server_.order_.change(id_, standing());
  clear_later();
}

void ServerSession::clear_later() {
  timer_.start(kClearWait);
}

void ServerSession::on_timer() {
  if (!proven_ && state_ != State::kFailed) ++server_.stats_.abandoned;
  server_.forget(*this);
}

udx::StreamId ServerSession::remote_id() const {
  return udx::StreamId{static_cast<std::uint32_t>(remote_.udx->id)};
}

std::optional<std::uint64_t> ServerSession::stamp() const {
  return remote_.extension ? remote_.extension->stamp : std::nullopt;
}

}  // namespace hsfwd::hyperdht
