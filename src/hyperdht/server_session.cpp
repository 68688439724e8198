// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/server_session.hpp"

#include <algorithm>

#include "hyperdht/dht.hpp"

namespace hsfwd::hyperdht {

namespace {

/// Looks after a relayed connection whose server is gone. The client may still find a direct path.
class RelayKeeper final : public PathController {
 public:
  RelayKeeper(Dht& dht, std::unique_ptr<RelayedPath> relay, udx::StreamId remote_id)
      : dht_(dht), relay_(std::move(relay)), remote_id_(remote_id) {}
  void on_path(net::UdpSocket& socket, const net::Address& from) override {
    if (relay_->carrying()) relay_->move_to(socket, remote_id_, from, dht_.path_kind_of(from));
  }
  void on_remote_changed() override { relay_->on_remote_changed(); }
  void on_path_proven() override { relay_->on_path_proven(); }
  void on_socket_gone() override { dht_.env().scheduler.retire(std::move(relay_)); }

 private:
  Dht& dht_;
  std::unique_ptr<RelayedPath> relay_;
  const udx::StreamId remote_id_;
};

constexpr Duration kClearWait = 10_s;    // copies of the first message may still come
constexpr Duration kStreamWait = 10_s;  // for the client's stream, or its first punch
constexpr Duration kReturnWait = 25_s;  // for a client that is to come again in 10 to 20 s
// Who connects directly is handed over at once, so that a server that speaks first loses no round
// trip. The address is not proven by then: beyond this many, connections wait for a first packet.
constexpr std::size_t kMaxUnproven = 128;
}  // namespace

ServerSession::ServerSession(Server& server, std::size_t id, const Bytes& noise)
    : server_(server),
      dht_(server.dht_),
      id_(id),
      noise_(noise),
      started_at_(server.dht_.env().now()),
      asked_at_(started_at_),
      timer_(server.dht_.env().scheduler, [this] { on_timer(); }),
      repeat_timer_(server.dht_.env().scheduler, [this] { repeat_answer_(); }) {}

ServerSession::~ServerSession() { cancel(); }

void ServerSession::cancel() {
  timer_.stop();
  repeat_timer_.stop();
  end_punch();
  PeerSocket* const living = std::exchange(handed_over_, nullptr);
  if (living != nullptr && relay_ && !relay_->done()) {
    const udx::StreamId remote_id{static_cast<std::uint32_t>(remote_.udx->id)};
    living->own_controller(std::make_unique<RelayKeeper>(dht_, std::move(relay_), remote_id));
  } else if (living != nullptr) {
    living->set_controller(nullptr);
  }
  dht_.env().scheduler.retire(std::move(relay_));
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
  const bool direct = !message.peer_address;
  const Address client = message.peer_address.value_or(origin.from);
  const Visitor visitor{responder.remote_key(), client, remote_};
  const bool self_test = server_.self_test_ && server_.self_test_->is_own(visitor.key);
  const bool allowed = self_test || !server_.options_.allow || server_.options_.allow(visitor);
  // Who decides may take the server away meanwhile.
  if (!allowed || server_.cancelled()) {
    ++server_.stats_.refused;
    return false;
  }
  dht_.doubt_other_paths(visitor.key, client);
  PayloadError error = PayloadError::kNone;
  if (remote_.version != 1) {
    error = PayloadError::kVersionMismatch;
  } else if (self_test || !remote_.udx) {
    error = PayloadError::kAborted;
  } else {
    socket_ = std::make_unique<PeerSocket>(dht_, server_.public_key(), false);
    socket_->set_remote_key(visitor.key);
    socket_->set_controller(this);
  }

  if (error == PayloadError::kNone) {
    own_relay_ = choose_relay(server_.options_.relay_through, dht_.env().random);
  }
  const auto ephemeral = crypto::KeyPair::generate(dht_.env().random);
  const NoisePayload own = make_payload(error, origin.from);
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
  const bool client_open = remote_.firewall == static_cast<std::uint64_t>(Firewall::kOpen);
  if (direct) {
    connect(*origin.socket, client);
  } else if (client_open) {
    connect(dht_.node().sending_socket(), client);
  } else {
    start_relay();
    const bool punches = server_.options_.holepunch && !dht_.node().remote_address();
    if (punches) prepare_punch(message, origin);
    if (!remote_.extension) repeat_answer_later(message, origin);
  }
  return true;
}

void ServerSession::repeat_answer_later(const HandshakeMessage& message,
                                        const rpc::RequestOrigin& origin) {
  repeat_answer_ = [this, message, origin] {
    if (state_ != State::kWaiting || joined_) return;
    // The socket that the message came in on may be gone by now; that of the announcements is not.
    net::UdpSocket* const own = answer_socket();
    dht_.router().answer_handshake(
        origin, message, {answer_, own != nullptr ? own : &dht_.node().sending_socket()});
  };
  repeat_timer_.start(kAnswerRepeat);
}

/// Ours if we named one, else the client's: upstream's order, and both sides come to the same.
void ServerSession::start_relay() {
  const auto& info = own_relay_ ? own_relay_ : remote_.relay_through;
  if (!info) return;
  RelayedPath::Owner& owner = *this;
  relay_ = std::make_unique<RelayedPath>(dht_, *socket_, *info, own_relay_.has_value(), owner);
}

/// The answer leaves from the socket that will punch, so that the client hears of its address; but
/// not to a client next door, which will come to the server's own socket.
void ServerSession::prepare_punch(const HandshakeMessage& message,
                                  const rpc::RequestOrigin& origin) {
  ServerPunch::Owner& owner = *this;
  const bool secret_keys = (features_ & Extension::kSecretKeys) != 0;
  punch_ = std::make_unique<ServerPunch>(dht_, SecurePayload::shared_key(*keys_, secret_keys),
                                         static_cast<Firewall>(remote_.firewall),
                                         remote_.extension.has_value(), owner);
  if (!punch_->usable()) {
    end_punch();
    return;
  }
  punch_->on_handshake(message, origin);
  answers_from_punch_ = !shares_network(*message.peer_address, origin);
}

void ServerSession::on_copy(const HandshakeMessage& message, const rpc::RequestOrigin& origin) {
  if (punch_) punch_->on_handshake(message, origin);
}

/// A punch may go on with a fresh socket, and has none once it is over.
net::UdpSocket* ServerSession::answer_socket() const {
  const bool from_punch = answers_from_punch_ && punch_ && punch_->usable();
  return from_punch ? &punch_->socket() : nullptr;
}

bool ServerSession::shares_network(const net::Address& client,
                                   const rpc::RequestOrigin& origin) const {
  if (client.host != origin.to.host || !server_.options_.share_local_addresses) return false;
  std::vector<Address> theirs;
  std::copy_if(remote_.addresses4.begin(), remote_.addresses4.end(), std::back_inserter(theirs),
               [](const Address& address) { return net::is_private(address.host); });
  return match_lan_address(dht_.validated_local_addresses(), theirs).has_value();
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
  asked_at_ = dht_.env().now();
  repeat_timer_.stop();
  punch_->on_request(message, origin);
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
  proven_ = true;  // what is sent goes to the relay
  timer_.stop();
  relay_->start_carrying();
  socket_->open(*keys_, remote_.extension, socket, leg, relay, PathKind::kRelayed);
  hand_over();
}

/// With a punch under way, or the client or its stream still to come, there is hope.
void ServerSession::on_relay_failed() {
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
  dht_.env().scheduler.retire(std::move(punch_));
}

void ServerSession::give_up() {
  ++server_.stats_.abandoned;
  state_ = State::kFailed;
  end_punch();
  clear_later();
}

/// A stock client asks about the punch through the relay of its handshake if that is among them, and
/// through the first of them otherwise. A random punch takes two relays that have seen it.
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
  const auto own = dht_.node().remote_address();
  NoisePayload out;
  out.error = static_cast<std::uint64_t>(error);
  out.firewall = static_cast<std::uint64_t>(own ? Firewall::kOpen : Firewall::kUnknown);
  if (own) {
    out.addresses4.push_back(*own);
  } else {
    out.holepunch = HolepunchInfo{.id = id_, .relays = relays_for_punch(introducer)};
  }
  if (server_.options_.share_local_addresses) {
    for (const Address& local : dht_.validated_local_addresses()) out.addresses4.push_back(local);
  }
  out.udx = UdxInfo{.reusable_socket = server_.options_.reusable_socket,
                    .id = socket_ ? socket_->raw().id().value : 0};
  out.secret_stream = 1;
  const auto& relay_addresses = server_.announcer_->relay_addresses();
  if (!relay_addresses.empty()) out.relay_addresses = relay_addresses;
  out.relay_through = own_relay_;
  if (server_.options_.extension) out.extension = server_.options_.extension(remote_.extension);
  if (out.extension) out.extension->features |= Extension::kOfConnections;
  return out;
}

void ServerSession::on_path(net::UdpSocket& socket, const net::Address& from) {
  // The packet names the stream, whose id only the answer told.
  proven_ = true;
  const bool waiting = state_ == State::kWaiting && !joined_;
  const bool relayed = state_ == State::kRelayed && !relay_->is_from_relay(socket, from);
  // Out by way of a relay or as a punch, and back on the path itself.
  if (waiting) socket_->raw().set_rtt_hint(dht_.env().now() - asked_at_);
  if (waiting || relayed) connect(socket, from);
}

void ServerSession::on_arrival() {
  proven_ = true;
  if (state_ == State::kWaiting && joined_) hand_over();
}

/// A direct path is there. A relayed connection moves to it.
void ServerSession::connect(net::UdpSocket& socket, const net::Address& to) {
  const bool reusable = server_.options_.reusable_socket && remote_.udx->reusable_socket;
  const udx::StreamId remote_id{static_cast<std::uint32_t>(remote_.udx->id)};
  if (punch_) punch_->on_path(to);
  if (reusable) dht_.routes().add(keys_->remote, socket, to);
  if (state_ == State::kRelayed) {
    state_ = State::kConnected;
    relay_->move_to(socket, remote_id, to, dht_.path_kind_of(to));
    end_punch();
    clear_later();
    return;
  }
  joined_ = true;
  dht_.env().scheduler.retire(std::move(relay_));
  socket_->open(*keys_, remote_.extension, socket, remote_id, to, dht_.path_kind_of(to));
  end_punch();
  if (proven_ || !too_many_unproven()) hand_over();
}

bool ServerSession::too_many_unproven() const {
  std::size_t count = 0;
  server_.sessions_.for_each(
      [&](std::size_t, const ServerSession& session) { count += session.unproven() ? 1 : 0; });
  return count >= kMaxUnproven;
}

void ServerSession::hand_over() {
  if (state_ != State::kRelayed) state_ = State::kConnected;
  handed_over_ = socket_.get();
  server_.hand_over(std::move(socket_));
  if (state_ == State::kRelayed) return;
  clear_later();
}

void ServerSession::on_socket_gone() {
  handed_over_ = nullptr;
  dht_.env().scheduler.retire(std::move(relay_));
  if (state_ == State::kRelayed) {
    state_ = State::kConnected;
    end_punch();
    clear_later();
  }
}

void ServerSession::clear_later() { timer_.start(kClearWait); }

void ServerSession::on_timer() {
  if (relay_ && relay_->moving()) {
    clear_later();  // it goes on looking after the move
    return;
  }
  if (state_ == State::kWaiting && has_relay()) return;
  if (state_ == State::kWaiting) ++server_.stats_.abandoned;
  if (unproven() && handed_over_ != nullptr) handed_over_->fail(ConnectError::kTimedOut);
  server_.forget(*this);
}

}  // namespace hsfwd::hyperdht
