// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/peer_connection.hpp"

#include <functional>
#include <optional>
#include <span>
#include <utility>

#include "hyperdht/peer/context.hpp"
#include "hyperdht/peer/peer_connections.hpp"
#include "hyperdht/peer/session.hpp"
#include "hyperdht/wire/renewal_wish.hpp"

namespace hsfwd::hyperdht {

namespace {
// Without secret keys others read and write what goes beside the stream; a reason names services.
constexpr const char* kUntold = "newer versions of hsfwd are told why";
constexpr const char* kUnproven = " (may not be the peer's words)";
// Datagrams that overtake the handshake, which anybody may have sent, and of which a peer has no use for
// more than a few.
constexpr std::size_t kMaxEarlyDatagrams = 16;
// What the peer says until its user knows of the connection: one batch that came with the keys.
constexpr std::size_t kMaxEarlyMessages = 64;
}  // namespace

PeerConnection::PeerConnection(const PeerContext& context, SecureStream& stream,
                               const crypto::PublicKey& local, const crypto::PublicKey& remote,
                               bool initiator)
    : context_(context),
      stream_(stream),
      initiator_(initiator),
      local_(local),
      remote_(remote),
      keepalive_(stream, context.env.scheduler, context.keepalive,
                 [this] { fail(ConnectError::kTimedOut); }),
      path_check_(stream, context.env.scheduler,
                  [this](const char* reason) { fail(ConnectError::kTimedOut, reason); }),
      path_task_(context.env.scheduler, [this] {
        if (!silent_ && on_path_changed_) on_path_changed_();
      }) {}

PeerConnection::~PeerConnection() = default;

void PeerConnection::join_node() {
  context_.connections.add(*this);
}

void PeerConnection::leave_node() {
  if (PathObserver* observer = std::exchange(path_observer_, nullptr)) {
    observer->on_connection_over();
  }
  if (carrier_) context_.env.scheduler.retire(std::move(carrier_));
  context_.routes.linger(remote_, pool_socket_);
  context_.connections.remove(*this);
}

// --- Life ---

void PeerConnection::open(const noise::Session& session, const std::optional<Extension>& extension,
                          const PeerPath& path, udx::StreamId remote_id) {
  if (stream_.closed() || stream_.is_open()) return;
  direct_id_ = remote_id;
  begin(session, extension, path, remote_id);
}

void PeerConnection::open_carried(const noise::Session& session,
                                  const std::optional<Extension>& extension,
                                  std::unique_ptr<PathCarrier> carrier, const PeerPath& path,
                                  udx::StreamId leg, udx::StreamId remote_id) {
  if (stream_.closed() || stream_.is_open()) {
    context_.env.scheduler.retire(std::move(carrier));
    return;
  }
  direct_id_ = remote_id;
  carrier_ = std::move(carrier);
  begin(session, extension, path, leg);
}

void PeerConnection::begin(const noise::Session& session, const std::optional<Extension>& extension,
                           const PeerPath& path, udx::StreamId remote_id) {
  hold(path.socket);
  remote_ = session.remote;
  hash_ = session.hash;
  extension_ = extension;
  path_ = path.kind;
  heard_at_ = context_.env.now();
  // Ahead of what opens the stream, so that nothing is half open if there is no memory for it.
  datagrams_.emplace(session, context_.env.random, extension_.has_value(), features_);
  make_lane();
  stream_.set_keys(session,
                   {.hsfwd = extension_.has_value(),
                    .sealed_end = has(Extension::kSealedEnd),
                    .first_record = initiator_ && first_record_},
                   path.socket, remote_id, path.remote);
  stream_.begin();
  keepalive_.start();
  // What came for packets is no session without them, whatever a server says.
  const bool packets_alone = has(Extension::kIpPackets) || has(Extension::kUdpFlows);
  const bool has_session = has(Extension::kSessions) && datagrams_->has_packets();
  if (has_session && (passes_session_packets() || !packets_alone)) begin_session(session);
  stream_.deliver_early();
  std::vector<Bytes> early = std::exchange(early_datagrams_, {});
  for (Bytes& datagram : early) receive(datagram);
  if (lane_) lane_->deliver();
  if (carried_) carried_->deliver();
  stream_.deliver_early_end();
}

/// Its streams take in what comes behind the first packet, whoever has it by then.
void PeerConnection::begin_session(const noise::Session& session) {
  carried_.emplace(PacketLane::kStreams, stream_.raw(), *datagrams_, context_.connections.drops(),
                   context_.env.scheduler);
  carried_->announce();
  if (lane_) lane_->announce();
  if (has(Extension::kResume)) return;
  begun_session_ = std::make_shared<Session>(context_, *this, session);
  set_session(begun_session_.get());
}

void PeerConnection::set_session(Session* session) {
  session_ = session;
  if (carried_ && !stream_.closed())
    carried_->set_observer(session != nullptr ? &session->carrier() : nullptr);
  set_packet_observer(session != nullptr ? &session->packets() : nullptr);
}

/// For one kind of packets: a client that asks for both wants no service, and so has no use for its datagrams. Of a
/// session, for those of all streams.
void PeerConnection::make_lane() {
  const bool session = has(Extension::kSessions);
  const bool ip = has(Extension::kIpPackets);
  const bool any = session ? passes_session_packets() : ip || has(Extension::kUdpFlows);
  if (!datagrams_->has_packets() || !any) return;
  const PacketLane::Channels own = ip ? PacketLane::kIp : PacketLane::kUdp;
  lane_.emplace(session ? PacketLane::kBesideStreams : own, stream_.raw(), *datagrams_,
                context_.connections.drops(), context_.env.scheduler);
  lane_->set_observer(packet_observer_);
  if (!session) probe_packet_size();
}

/// Nothing else shows soon what the path carries.
void PeerConnection::probe_packet_size() {
  if (lane_) stream_.raw().probe_with_messages();
}

void PeerConnection::on_stream_open() {
  if (!silent_ && on_open_) on_open_();
}

void PeerConnection::on_stream_announced() {
  announced_ = true;
  for (const Bytes& message : std::exchange(early_messages_, {})) {
    if (!silent_ && !stream_.closed() && on_message_) on_message_(message);
  }
  if (lane_ && !stream_.closed()) lane_->announce();
}

void PeerConnection::fail(ConnectError error, const char* detail) {
  stream_.abort(error, detail != nullptr ? detail : "");
}

void PeerConnection::on_stream_broken(const char* why) {
  if (why != nullptr && !stream_.closed()) farewell(why);
  fail(ConnectError::kBroken, why);
}

void PeerConnection::on_stream_closed(ConnectError error, const std::string& detail) {
  if (!detail.empty()) error_detail_ = detail;
  keepalive_.stop();
  path_check_.stop();
  path_task_.cancel();
  if (lane_) lane_->stop();
  if (carried_) carried_->stop();
  if (PathObserver* observer = std::exchange(path_observer_, nullptr)) {
    observer->on_connection_over();
  }
  if (carrier_) context_.env.scheduler.retire(std::move(carrier_));
  if (error == ConnectError::kTimedOut && stream_.raw().connected()) {
    context_.routes.forget(remote_, *udp_socket(), remote_address());
  }
}

std::string PeerConnection::why_closed() const {
  return describe(stream_.error(), error_detail_);
}

// --- The path ---

/// Takes part in the ownership of the socket, if it is one of the pool.
void PeerConnection::hold(net::UdpSocket& socket) {
  pool_socket_ = context_.endpoint.owner_of(socket);
}

void PeerConnection::leave_carrier(const PeerPath& path) {
  if (stream_.closed() || !carried()) return;
  carrier_->on_leaving();
  const auto old = std::move(pool_socket_);
  hold(path.socket);
  path_ = path.kind;
  old_source_ = std::exchange(other_source_, std::nullopt);
  stream_.raw().change_remote(path.socket, direct_id_, path.remote);
  if (session_ != nullptr) session_->on_link_moved();
  path_task_.post();
}

bool PeerConnection::accept_path(net::UdpSocket& socket, net::Address from) {
  const Source source{&socket, from};
  udx::Stream& raw = stream_.raw();
  // Who is unproven is heard only from where it is answered.
  const auto speaks = [&] { return !raw.limited() && speaks_for_peer(source); };
  if (raw.socket() == &socket && speaks()) return true;
  const bool passed_on = carrier_ && carrier_->is_from_carrier(socket, from);
  if (!passed_on && path_observer_ != nullptr) {
    path_observer_->on_path(socket, from);
  } else if (!passed_on && proven_) {
    leave_carrier({socket, from, path_kind_of(from)});
  }
  return !raw.connected() || raw.is_path(socket, from) || speaks();
}

/// The peer may send from another address than the one it is reached at, being a host with several
/// or behind the same NAT. The first that speaks on a path is the one; whether it is the peer shows
/// when its first record opens. Once somebody has spoken nobody else is heard.
bool PeerConnection::speaks_for_peer(const Source& source) {
  if (!other_source_ && !stream_.raw().heard()) other_source_ = source;
  return other_source_ == source || old_source_ == source;
}

void PeerConnection::on_remote_changed() {
  if (carrier_) carrier_->on_remote_changed();
}

void PeerConnection::on_path_proven() {
  if (carrier_) carrier_->on_path_proven();
}

void PeerConnection::on_stalled() {
  if (path_observer_ != nullptr) path_observer_->on_stalled();
  // Its streams may have nothing on their way that would show it.
  if (session_ != nullptr) session_->on_stalled();
}

void PeerConnection::check_path(const char* reason) {
  if (!stream_.is_open()) return;
  path_check_.start(reason);
  // Shows the peer where this side is now.
  if (session_ != nullptr && !carried()) challenge(*udp_socket(), remote_address());
}

// --- From place to place: docs/protocol/forward.md, section 11 ---

void PeerConnection::challenge(net::UdpSocket& socket, const net::Address& at) {
  if (!stream_.is_open() || !datagrams_ || !datagrams_->has_packets()) return;
  const auto question = question_.ask({&socket, at}, context_.env.now(), context_.env.random);
  if (!question) return;
  if (const auto sealed = datagrams_->seal(Channel::kControl, question->encode())) {
    stream_.raw().send_message_to(socket, at, *sealed);
  }
}

/// Not from where the peer is known to be: what is sealed by the peer may still have been sent on by others.
void PeerConnection::on_stray_message(net::UdpSocket& socket, net::Address from,
                                      MutableBytes message) {
  if (session_ == nullptr || (!proven_ && !initiator_) || carried() || !datagrams_) return;
  const auto opened = datagrams_->open(message);
  if (!opened) return count_drop(opened.error());
  if (opened->channel != Channel::kControl) return;
  const Source source{&socket, from};
  if (receive_challenge(source, opened->payload) && !question_.asks(source)) {
    challenge(socket, from);
  }
}

/// True if it was a question; an answer that was waited for, from the place that was asked, moves the connection.
bool PeerConnection::receive_challenge(const Source& from, ByteView payload) {
  const auto challenge = PathChallenge::decode(payload);
  if (!challenge) return false;
  if (challenge->kind == PathChallenge::Kind::kQuestion) {
    const PathChallenge answer{PathChallenge::Kind::kAnswer, challenge->nonce};
    if (const auto sealed = datagrams_->seal(Channel::kControl, answer.encode())) {
      stream_.raw().send_message_to(*from.socket, from.address, *sealed);
    }
    return true;
  }
  if (!question_.is_answered(from, *challenge)) return false;
  if (!stream_.raw().is_path(*from.socket, from.address)) move(*from.socket, from.address);
  return false;
}

void PeerConnection::move(net::UdpSocket& socket, const net::Address& to) {
  const auto old = std::move(pool_socket_);
  hold(socket);
  const PathKind before = std::exchange(path_, path_kind_of(to));
  other_source_.reset();
  old_source_.reset();
  stream_.raw().move(socket, to);
  if (session_ != nullptr) session_->on_link_moved();
  if (before != path_) path_task_.post();
}

/// Of clients that promise no first record, the header is the earliest that only they can send: to
/// their stream's id at the server, which the second message tells them, sealed.
void PeerConnection::on_records(const secret_stream::Receiver& receiver) {
  if (std::exchange(records_, receiver.messages()) != receiver.messages()) {
    heard_at_ = context_.env.now();
  }
  if (proven_) return;
  const bool record_is_due = first_record_ && !initiator_;
  proven_ = record_is_due ? receiver.messages() > 0 : receiver.established();
  if (proven_ && session_ != nullptr) session_->on_link_proven();
  if (proven_ && path_observer_ != nullptr) path_observer_->on_proven();
}

// --- Beside the streams ---

std::size_t PeerConnection::max_unordered() const {
  // Before there are keys nothing is sent, and nothing adds more than packets do.
  return stream_.raw().max_message() -
         (datagrams_ ? datagrams_->overhead() : secret_stream::Packets::kOverhead);
}

void PeerConnection::send_unordered(ByteView plaintext) {
  if (!stream_.is_open() || !datagrams_) return;
  const auto sealed = datagrams_->seal(plaintext);
  if (!sealed) {
    fail(ConnectError::kBroken);
    return;
  }
  stream_.raw().send_message(*sealed);
}

void PeerConnection::set_packet_observer(LaneObserver* observer) {
  packet_observer_ = observer;
  if (lane_ && !stream_.closed()) lane_->set_observer(observer);
}

std::size_t PeerConnection::max_packet() const {
  return has_lane() ? lane_->max_packet() : 0;
}

std::size_t PeerConnection::send_packets(std::span<const MutableBytes> packets) {
  std::size_t taken = 0;
  if (has_lane() && lane_->send(packets, taken) == PacketLane::Outcome::kCountersUsedUp) {
    fail(ConnectError::kBroken);
  }
  return taken;
}

void PeerConnection::send_packet(secret_stream::PacketChannel channel, ByteView payload) {
  if (const auto sealed = datagrams_->seal(channel, payload)) stream_.raw().send_message(*sealed);
}

void PeerConnection::on_messages_writable() {
  if (packet_observer_ != nullptr) packet_observer_->on_packets_writable();
}

void PeerConnection::on_max_message() {
  if (packet_observer_ != nullptr && has_lane()) packet_observer_->on_max_packet();
}

void PeerConnection::on_probe_wanted(std::uint32_t number, std::size_t size) {
  if (!has_lane()) return;
  const SizeProbe probe{SizeProbe::Kind::kQuestion, number};
  if (const auto sealed = datagrams_->seal(probe, size - datagrams_->overhead())) {
    stream_.raw().send_message(*sealed);
  } else {
    fail(ConnectError::kBroken);
  }
}

void PeerConnection::on_messages(std::span<const MutableBytes> messages) {
  for (const MutableBytes message : messages) {
    if (message.empty()) continue;  // UDX's own
    if (datagrams_) {
      receive(message);
    } else if (early_datagrams_.size() < kMaxEarlyDatagrams) {
      early_datagrams_.push_back(to_bytes(message));
    }
    if (stream_.closed()) return;
  }
  if (lane_) lane_->deliver();
  if (carried_) carried_->deliver();
}

void PeerConnection::receive(MutableBytes datagram) {
  const auto opened = datagrams_->open(datagram);
  if (!opened) {
    count_drop(opened.error());
    return;
  }
  heard_at_ = context_.env.now();
  if (opened->channel == Channel::kControl) {
    receive_control(opened->payload);
  } else if (opened->channel == Channel::kMessages) {
    receive_message(opened->payload);
  } else if (lane_ && lane_->has(opened->channel)) {
    lane_->take(opened->channel, opened->payload);
  } else if (carried_ && carried_->has(opened->channel)) {
    carried_->take(opened->channel, opened->payload);
  } else {
    ++context_.connections.drops().channel;
  }
}

void PeerConnection::count_drop(Errc error) {
  PacketDrops& drops = context_.connections.drops();
  ++(error == Errc::kRefused ? drops.repeated : drops.not_opened);
}

void PeerConnection::receive_control(ByteView payload) {
  if (const auto farewell = Farewell::decode(payload)) {
    error_detail_ = farewell->text + (has(Extension::kSecretKeys) ? "" : kUnproven);
    // What ends a link may be anybody's doing; the session's end is the peer's word.
    if (farewell->of == Farewell::Of::kSession && session_ != nullptr)
      session_end_ = farewell->text;
    return;
  }
  if (session_ != nullptr && udp_socket() != nullptr) {
    if (RenewalWish::decode(payload)) return session_->on_renewal_wanted();
    receive_challenge({udp_socket(), remote_address()}, payload);
    if (PathChallenge::decode(payload)) return;
  }
  const auto probe = lane_ ? SizeProbe::decode(payload) : std::nullopt;
  if (!probe) {
    ++context_.connections.drops().channel;
  } else if (probe->kind == SizeProbe::Kind::kAnswer) {
    stream_.raw().on_probe_answered(probe->number);
  } else if (const auto sealed =
                 datagrams_->seal(SizeProbe{SizeProbe::Kind::kAnswer, probe->number})) {
    stream_.raw().send_message(*sealed);
  }
}

void PeerConnection::receive_message(ByteView message) {
  if (!announced_) {
    if (early_messages_.size() < kMaxEarlyMessages) early_messages_.push_back(to_bytes(message));
  } else if (!silent_ && on_message_) {
    on_message_(message);
  }
}

/// Sealed for the peer, and sent ahead; what rides on the reset itself cannot be lost or overtaken
/// by it. Nothing for stock peers.
Bytes PeerConnection::farewell(const std::string& reason) {
  return farewell_over(stream_.raw(), reason);
}

Bytes PeerConnection::farewell_over(udx::Stream& raw, const std::string& reason) {
  if (!stream_.is_open() || !extension_ || !datagrams_) return {};
  const bool session = ending_session_ && &raw == &stream_.raw();
  const auto sealed =
      datagrams_->seal(Farewell{.text = has(Extension::kSecretKeys) ? reason : kUntold,
                                .of = session ? Farewell::Of::kSession : Farewell::Of::kStream});
  if (!sealed) return {};
  raw.send_message(*sealed);
  return to_bytes(*sealed);
}

std::optional<std::string> PeerConnection::open_farewell(MutableBytes message) {
  if (!datagrams_) return std::nullopt;
  const auto opened = datagrams_->open(message);
  if (!opened) {
    count_drop(opened.error());
    return std::nullopt;
  }
  const auto farewell =
      opened->channel == Channel::kControl ? Farewell::decode(opened->payload) : std::nullopt;
  if (!farewell) return std::nullopt;
  return farewell->text;
}

void PeerConnection::ask_for_renewal() {
  if (!stream_.is_open() || !datagrams_) return;
  send_packet(Channel::kControl, RenewalWish().encode());
}

void PeerConnection::end_session(const std::string& reason) {
  ending_session_ = true;
  stream_.reset_because(reason);
}

void PeerConnection::send_carried(std::span<const MutableBytes> packets) {
  std::size_t taken = 0;
  if (!carried_ || !stream_.is_open()) return;
  if (carried_->send(packets, taken) == PacketLane::Outcome::kCountersUsedUp) {
    fail(ConnectError::kBroken);
  }
}

void PeerConnection::ping(std::function<void(Duration)> done) {
  if (!stream_.is_open() || stream_.ended_at()) return;
  on_pong_ = std::move(done);
  pinged_at_ = context_.env.now();
  stream_.send_message({});
  stream_.raw().tell_acknowledged();
}

void PeerConnection::on_stream_acknowledged() {
  if (const auto done = std::exchange(on_pong_, nullptr)) done(context_.env.now() - pinged_at_);
}

}  // namespace hsfwd::hyperdht
