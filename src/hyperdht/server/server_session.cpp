// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/server/server_session.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "hyperdht/peer/peer_sockets.hpp"
#include "hyperdht/server/context.hpp"

namespace hsfwd::hyperdht {

namespace {

/// Looks after a relayed connection whose server is gone. The client may still find a direct path.
class RelayKeeper final : public PathController {
 public:
  RelayKeeper(const ServerContext& context, std::unique_ptr<RelayedPath> relay,
              udx::StreamId remote_id)
      : context_(context), relay_(std::move(relay)), remote_id_(remote_id) {}
  void on_path(net::UdpSocket& socket, const net::Address& from) override {
    if (relay_->carrying()) relay_->move_to(socket, remote_id_, from, path_kind_of(from));
  }
  void on_remote_changed() override { relay_->on_remote_changed(); }
  void on_path_proven() override { relay_->on_path_proven(); }
  void on_socket_gone() override { context_.env.scheduler.retire(std::move(relay_)); }

 private:
  const ServerContext& context_;
  std::unique_ptr<RelayedPath> relay_;
  const udx::StreamId remote_id_;
};

constexpr Duration kClearWait = 10_s;   // copies of the first message may still come
constexpr Duration kStreamWait = 10_s;  // for the client's stream, its proof, or its first punch
constexpr Duration kReturnWait = 25_s;  // for a client that is to come again in 10 to 20 s
// A client that is known at its address is handed over before its proof, so that a service that
// speaks first loses no round trip. Beyond this many at once they wait for it.
constexpr std::size_t kMaxEarly = 128;
constexpr Duration kRelayTurnPoll = 100_ms;
// What may be sent to an address for each byte that came from it: RFC 9000, section 8.1.
constexpr std::uint64_t kAmplification = 3;
// Datagrams around a Noise message: dht-rpc's header, target and value, the modes and addresses of
// a handshake message. A question has at least this, an answer, with a node's id, at most that.
constexpr std::size_t kLeastAroundQuestion = 46;
constexpr std::size_t kMostAroundAnswer = 98;
constexpr std::size_t kMessage2Overhead = 48;

bool has_first_record(const std::optional<Extension>& block) {
  return block && (block->features & Extension::kFirstRecord) != 0;
}

std::uint64_t size_of_question(const Bytes& noise) {
  return noise.size() + kLeastAroundQuestion;
}
std::uint64_t size_of_answer(const Bytes& noise) {
  return noise.size() + kMostAroundAnswer;
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
      relay_timer_(server.context_.env.scheduler, [this] { ask_client_relay(); }),
      timer_(server.context_.env.scheduler, [this] { on_timer(); }),
      repeat_timer_(server.context_.env.scheduler, [this] { repeat_answer_(); }) {}

ServerSession::~ServerSession() {
  cancel();
}

void ServerSession::cancel() {
  timer_.stop();
  relay_timer_.stop();
  repeat_timer_.stop();
  end_punch();
  if (dial_) context_.client_relays.ended(*dial_);
  PeerSocket* const living = std::exchange(handed_over_, nullptr);
  if (living != nullptr && relay_ && !relay_->done()) {
    living->own_controller(std::make_unique<RelayKeeper>(context_, std::move(relay_), remote_id()));
  } else if (living != nullptr) {
    living->set_controller(nullptr);
    if (!proven_) living->fail(ConnectError::kTimedOut);
  }
  context_.env.scheduler.retire(std::move(relay_));
  if (socket_) socket_->set_controller(nullptr);
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
  const NoisePayload own = fitting_payload(error, origin.from);
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
  timer_.start(kStreamWait);
  find_path(message, origin);
  return true;
}

void ServerSession::prepare_stream() {
  message_ = server_.clients_.note_message(key_, stamp(), started_at_);
  alive_ = message_ == KnownClients::Message::kFresh;
  socket_ = std::make_unique<PeerSocket>(context_, server_.public_key(), false);
  socket_->set_remote_key(key_);
  socket_->set_controller(this);
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
    start_relay();
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

// --- The relay ---

/// Ours if we named one, else the client's: upstream's order, and both sides come to the same.
void ServerSession::start_relay() {
  if (own_relay_) {
    dial(*own_relay_, RelayIdentity::kNode);
  } else if (remote_.relay_through) {
    relay_until_ = started_at_ + kStreamWait;
    ask_client_relay();
  }
}

/// Now, or when it is its turn.
void ServerSession::ask_client_relay() {
  if (state_ != State::kWaiting || joined_) return;
  const auto policy = server_.options_.client_relays ? server_.options_.client_relays()
                                                     : ClientRelayPolicy::kAnonymous;
  const crypto::Hash32 digest = crypto::blake2b_256(noise_);
  const auto identity =
      policy == ClientRelayPolicy::kOpen ? RelayIdentity::kNode : RelayIdentity::kAnonymous;
  const RelayThroughInfo& relay = *remote_.relay_through;
  if (policy == ClientRelayPolicy::kRefuse || context_.client_relays.has_served(digest)) {
    on_relay_failed();
    return;
  }
  if (!context_.relay_connections.reach(relay, identity)) {
    const ClientRelays::Client client{key_, source_.host, alive_};
    dial_ = context_.client_relays.begin(client, digest, context_.env.now());
  }
  if (dial_ || context_.relay_connections.reach(relay, identity)) {
    dial(relay, identity);
  } else if (context_.env.now() < relay_until_) {
    relay_timer_.start(kRelayTurnPoll);
  } else {
    on_relay_failed();
  }
}

void ServerSession::dial(const RelayThroughInfo& relay, RelayIdentity identity) {
  RelayedPath::Owner& owner = *this;
  relay_ = std::make_unique<RelayedPath>(context_, *socket_, relay, identity,
                                         own_relay_.has_value(), owner);
}

bool ServerSession::has_relay() {
  return relay_timer_.armed() || (relay_ && (relay_->pairing() || relay_->carrying()));
}

// --- The punch ---

/// The answer leaves from the socket that will punch, so that the client hears of its address; but
/// not to a client next door, which will come to the server's own socket.
void ServerSession::prepare_punch(const HandshakeMessage& message,
                                  const rpc::RequestOrigin& origin) {
  ServerPunch::Owner& owner = *this;
  const bool secret_keys = (features_ & Extension::kSecretKeys) != 0;
  punch_ = std::make_unique<ServerPunch>(context_, SecurePayload::shared_key(*keys_, secret_keys),
                                         remote_.firewall, remote_.extension.has_value(), owner);
  if (!punch_->usable()) {
    end_punch();
    return;
  }
  punch_->on_handshake(message, origin);
  answers_from_punch_ = !shares_network(origin);
}

void ServerSession::on_copy(const HandshakeMessage& message, const rpc::RequestOrigin& origin) {
  if (punch_) punch_->on_handshake(message, origin);
}

/// A punch may go on with a fresh socket, and has none once it is over.
net::UdpSocket* ServerSession::answer_socket() const {
  const bool from_punch = answers_from_punch_ && punch_ && punch_->usable();
  return from_punch ? &punch_->socket() : nullptr;
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
  if (!punch_ || (state_ != State::kWaiting && state_ != State::kRelayed)) return;
  asked_at_ = context_.env.now();
  repeat_timer_.stop();
  punch_->on_request(message, origin);
}

void ServerSession::on_request_opened() {
  alive_ = true;
  server_.order_.change(id_, standing());
}

void ServerSession::on_punching() {
  punching_ = true;
  timer_.stop();
}

void ServerSession::on_punch_put_off() {
  punching_ = false;
  if (state_ == State::kWaiting) timer_.start(kReturnWait);
}

void ServerSession::on_punch_over() {
  if (state_ == State::kWaiting && !has_relay()) {
    give_up();
  } else {
    end_punch();
  }
}

void ServerSession::on_relay_paired(net::UdpSocket& socket, const Address& relay,
                                    udx::StreamId leg) {
  if (state_ != State::kWaiting || joined_) return;
  state_ = State::kRelayed;
  timer_.start(kStreamWait);
  if (dial_) context_.client_relays.ended(*dial_);
  relay_->start_carrying();
  socket_->open(*keys_, remote_.extension, socket, leg, relay, PathKind::kRelayed);
}

/// With a punch under way, or the client or its stream still to come, there is hope.
void ServerSession::on_relay_failed() {
  if (dial_) context_.client_relays.ended(*dial_);
  const bool hopes = timer_.armed() || (punch_ && punching_);
  if (state_ == State::kWaiting && !hopes) give_up();
}

void ServerSession::on_remote_changed() {
  if (relay_) relay_->on_remote_changed();
}

void ServerSession::on_path_proven() {
  if (relay_) relay_->on_path_proven();
}

/// Copies of the first message that still come are answered from where others are.
void ServerSession::end_punch() {
  context_.env.scheduler.retire(std::move(punch_));
}

void ServerSession::give_up() {
  ++server_.stats_.abandoned;
  state_ = State::kFailed;
  server_.order_.change(id_, standing());
  end_punch();
  clear_later();
}

/// A stock client asks about the punch through the relay of its handshake if that is among them,
/// and through the first of them otherwise. A random punch takes two relays that have seen it.
std::vector<RelayInfo> ServerSession::relays_for_punch(const Address& introducer) const {
  const std::vector<RelayInfo>& all = server_.announcer_->relays();
  if (remote_.extension) return all;
  std::vector<RelayInfo> others;
  std::copy_if(all.begin(), all.end(), std::back_inserter(others), [&](const RelayInfo& relay) {
    return Introductions::network_of(relay.relay_address) != Introductions::network_of(introducer);
  });
  return others.empty() ? all : others;
}

NoisePayload ServerSession::make_payload(PayloadError error, const Address& introducer) const {
  const auto own = context_.node.remote_address();
  NoisePayload out;
  out.error = error;
  out.firewall = own ? Firewall::kOpen : Firewall::kUnknown;
  if (own) {
    out.addresses4.push_back(*own);
  } else {
    out.holepunch = HolepunchInfo{.id = id_, .relays = relays_for_punch(introducer)};
  }
  if (server_.options_.share_local_addresses) {
    for (const Address& local : context_.addresses.validated_local())
      out.addresses4.push_back(local);
  }
  out.udx = UdxInfo{.reusable_socket = server_.options_.reusable_socket,
                    .id = socket_ ? socket_->raw().id().value : 0};
  out.secret_stream = 1;
  const auto& relay_addresses = server_.announcer_->relay_addresses();
  if (!relay_addresses.empty()) out.relay_addresses = relay_addresses;
  out.relay_through = own_relay_;
  if (server_.options_.extension) out.extension = server_.options_.extension(remote_.extension);
  if (out.extension) {
    out.extension->features |= Extension::kOfConnections | Extension::kFirstRecord;
    out.extension->stamp.reset();
  }
  return out;
}

/// What the client learns at length is left out where its question was too short for it.
NoisePayload ServerSession::fitting_payload(PayloadError error, const Address& introducer) const {
  NoisePayload payload = make_payload(error, introducer);
  const std::uint64_t most = kAmplification * size_of_question(noise_);
  while (payload.encode().size() + kMessage2Overhead + kMostAroundAnswer > most) {
    if (payload.extension && !payload.extension->services.empty()) {
      payload.extension->services.pop_back();
    } else if (!payload.addresses4.empty()) {
      payload.addresses4.pop_back();
    } else {
      break;
    }
  }
  return payload;
}

// --- The path and the proof ---

/// The packet names the stream, whose id only the answer told.
void ServerSession::on_path(net::UdpSocket& socket, const net::Address& from) {
  if (state_ == State::kRelayed) {
    if (proven_ && !relay_->is_from_relay(socket, from)) leave_relay(socket, from);
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
  if (punch_) punch_->on_path(to);
  timer_.start(kStreamWait);
  relay_timer_.stop();
  context_.env.scheduler.retire(std::move(relay_));
  socket_->raw().limit_unproven(allowance);
  socket_->open(*keys_, remote_.extension, socket, remote_id(), to, path_kind_of(to));
  end_punch();
  if (may_be_early()) hand_over();
}

/// A relayed connection moves to a direct path.
void ServerSession::leave_relay(net::UdpSocket& socket, const net::Address& to) {
  state_ = State::kConnected;
  if (punch_) punch_->on_path(to);
  relay_->move_to(socket, remote_id(), to, path_kind_of(to));
  remember_route();
  settle();
}

/// Known there, and come back with a fresh first message; never on the word of an old one.
bool ServerSession::may_be_early() const {
  if (message_ != KnownClients::Message::kFresh) return false;
  const bool known = server_.clients_.was_at(key_, client_, context_.env.now()) ||
                     context_.sockets.is_connected_at(key_, client_);
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
  if (dial_) context_.client_relays.forgiven(*std::exchange(dial_, std::nullopt));
  const bool relayed = state_ == State::kRelayed;
  const Address at = relayed ? client_ : raw.remote();
  context_.sockets.doubt_other_paths(stream(), at);
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

void ServerSession::on_socket_gone() {
  handed_over_ = nullptr;
  context_.env.scheduler.retire(std::move(relay_));
  if (state_ == State::kRelayed) state_ = State::kConnected;
  settle();
}

/// What is left to do is to answer copies of the first message for a while.
void ServerSession::settle() {
  end_punch();
  server_.order_.change(id_, standing());
  clear_later();
}

void ServerSession::clear_later() {
  timer_.start(kClearWait);
}

void ServerSession::on_timer() {
  if (relay_ && relay_->moving()) {
    clear_later();  // it goes on looking after the move
    return;
  }
  if (state_ == State::kWaiting && has_relay()) return;
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
