// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/session.hpp"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "hyperdht/nat/mapping_watch.hpp"
#include "hyperdht/nat/punch_socket.hpp"
#include "hyperdht/peer/context.hpp"
#include "hyperdht/peer/peer_connections.hpp"
#include "hyperdht/peer/peer_socket.hpp"
#include "util/text.hpp"

namespace hsfwd::hyperdht {

namespace {

using Kind = SessionMessage::Kind;

constexpr std::uint64_t kControl = 0;
// In the place of a service: the number of the stream of the other side that a stream is opened back to.
constexpr std::string_view kBackTo = "back:";
// What the peer says of its streams, and is not dealt with, bytes.
constexpr std::size_t kControlWindow = 256 * 1024;

// Without an acknowledgement, of what is on its way: long enough for a lossy path, and not for who waits.
constexpr Duration kStalledAfter = 500_ms;
// A server's punch socket is a new one by then, and known.
constexpr Duration kBehindPunchSocket = 2_s;
constexpr Duration kBetweenRenewals = 8_s;

SessionId id_of(const noise::Session& handshake) {
  return SessionId::from(handshake.derive("hsfwd session").view());
}

}  // namespace

/// The main stream of a link says nothing: its end is the session's.
struct Session::LinkObserver final : net::ByteStreamObserver {
  explicit LinkObserver(Session& s) : session(s) {}
  void on_readable() override {
    PeerSocket& link = *session.own_link_;
    for (ByteView bytes = link.peek(); !bytes.empty(); bytes = link.peek()) {
      link.consume(bytes.size());
    }
    if (link.read_state() == net::ReadState::kEnd) session.on_link_over("");
  }
  void on_writable() override {}
  void on_reset(const std::string& reason) override { session.on_link_over(reason); }
  Session& session;
};

Session::Session(const PeerContext& context, PeerConnection& link, const noise::Session& handshake)
    : context_(context),
      handshake_(handshake),
      id_(id_of(handshake)),
      extension_(link.extension()),
      passes_packets_(link.passes_session_packets()),
      link_(&link),
      path_(context.mux.create_path(context.stream.max_mtu)),
      packets_(*this, context.env.scheduler),
      carrier_(*this, context),
      next_own_(handshake.initiator ? kFirstStream : 1),
      next_theirs_(handshake.initiator ? 1 : kFirstStream),
      age_timer_(context.env.scheduler, [this] { look_at_age(); }) {
  path_->begin(*link.udp_socket(), link.remote_address());
  path_->set_rtt_hint(link.rtt());
  path_kind_ = link.path();
  hold_socket();
  proven_ = initiator() || link.proven();
  // Nothing is sent to who has not shown yet to be there but in answer.
  if (!proven_) path_->limit_unproven(0);
  context_.mux.expect_more_streams(true);
  control_ = make_stream(kControl);
  if (!link.wants_stream()) return;
  first_ = make_stream(kFirstStream);
  if (first_) first_->want_packets(link.packets_of_first());
  (initiator() ? next_own_ : next_theirs_) += 2;
}

Session::~Session() {
  // Nobody has it any more, and the peer need not wait for it.
  if (own_link_ && !over_) own_link_->end_session("the other side has ended");
  over_ = true;
  // While there is still what they are carried by.
  first_.reset();
  control_.reset();
  context_.mux.expect_more_streams(false);
}

/// Nothing if the id that follows from the number is somebody's here already.
std::unique_ptr<SessionStream> Session::make_stream(std::uint64_t number) {
  const StreamKeys keys = StreamKeys::derive(handshake_, number);
  return context_.mux.is_free(keys.local) ? make_stream(number, keys) : nullptr;
}

std::unique_ptr<SessionStream> Session::make_stream(std::uint64_t number, const StreamKeys& keys) {
  const bool control = number == kControl;
  udx::StreamOptions options = context_.stream;
  options.heartbeat = {};
  options.urgent = control;
  options.patient = true;
  options.carried_only = control;
  if (control) options.receive_window = std::min(options.receive_window, kControlWindow);
  options.stalled_after = kStalledAfter;
  auto stream = std::make_unique<SessionStream>(*this, number, keys, options);
  streams_[number] = stream.get();
  carrier_.add(keys.local);
  stream->raw().set_carrier(is_carried(*stream) ? &carrier_ : nullptr);
  return stream;
}

void Session::start(std::unique_ptr<PeerSocket> link, SessionObserver& observer) {
  observer_ = &observer;
  own_link_ = std::move(link);
  link_observer_ = std::make_unique<LinkObserver>(*this);
  own_link_->set_observer(link_observer_.get());
  if (!control_) return finish(ConnectError::kBroken, "the ids of its streams are taken");
  control_->set_observer(this);
  if (initiator()) return;
  // Its id was taken: whoever waits for it has to hear so.
  if (!first_ && own_link_->wants_stream()) return refuse(kFirstStream, "try again");
  if (!first_) return;
  Extension wanted = *extension_;
  first_->accept(std::move(wanted));
  observer_->on_stream(take_first());
}

std::unique_ptr<SessionStream> Session::take_first() {
  if (first_ && initiator()) first_->accept(*extension_);
  if (first_) first_->keep(shared_from_this());
  return std::move(first_);
}

Result<std::unique_ptr<SessionStream>, std::string> Session::open(const std::string& service,
                                                                  std::uint64_t packets) {
  if (over_) return Err(std::string("the session is over"));
  if (streams() >= kMaxStreams) return Err(std::string("too many connections to this peer"));
  // An id that is taken, by a chance of one in millions: the next number has another.
  for (int attempt = 0; attempt < 3; ++attempt) {
    const std::uint64_t number = std::exchange(next_own_, next_own_ + 2);
    const StreamKeys keys = StreamKeys::derive(handshake_, number);
    if (!context_.mux.is_free(keys.local)) continue;
    // Said first, so that it leaves ahead of what the stream will send.
    say({.kind = Kind::kOpen,
         .number = number,
         .service = service,
         .services = {},
         .features = packets,
         .text = {}});
    auto stream = make_stream(number, keys);
    stream->want_packets(packets);
    stream->keep(shared_from_this());
    return stream;
  }
  return Err(std::string("no id for another stream"));
}

Result<std::unique_ptr<SessionStream>, std::string> Session::open_back(
    const SessionStream& stream) {
  return open(std::string(kBackTo) + std::to_string(stream.number()));
}

void Session::say(const SessionMessage& message) {
  control_->send_message(message.encode());
}

void Session::refuse(std::uint64_t number, const std::string& why) {
  say({.kind = Kind::kRefuse,
       .number = number,
       .service = {},
       .services = {},
       .features = 0,
       .text = why});
}

// --- What the peer says ---

void Session::on_readable() {
  const auto self = shared_from_this();
  read_control();
}

/// A peer that does not read what is said to it is not listened to.
void Session::read_control() {
  while (!over_ && control_->room() > 0) {
    const ByteView record = control_->peek();
    if (record.empty()) break;
    const auto message = SessionMessage::decode(record);
    control_->consume(record.size());
    if (!message || !on_message(*message)) {
      return end("what it says of its streams makes no sense");
    }
  }
  if (!over_ && control_->read_state() == net::ReadState::kEnd) {
    finish(ConnectError::kReset, "the peer has ended the session");
  }
}

/// False if it breaks a rule.
bool Session::on_message(const SessionMessage& message) {
  if (message.kind == Kind::kOpen) {
    const bool new_one = message.number >= next_theirs_ && (message.number - next_theirs_) % 2 == 0;
    if (new_one) on_open(message);
    return new_one;
  }
  if (message.kind == Kind::kReset) return on_peer_reset(message);
  if (message.kind != Kind::kAccept && message.kind != Kind::kRefuse) return true;
  if (message.number % 2 != next_own_ % 2 || message.number == kControl) return false;
  const auto found = streams_.find(message.number);
  // It may be gone by now.
  if (found == streams_.end()) return true;
  SessionStream& stream = *found->second;
  if (message.kind == Kind::kRefuse) {
    stream.refuse(message.text);
  } else {
    stream.accept(answered(message));
  }
  return true;
}

/// What the peer says of one stream, as if it had been a handshake's answer.
Extension Session::answered(const SessionMessage& accepted) const {
  const std::uint64_t packets = accepted.features & Extension::kKindsOfPackets;
  return {.features = (extension_->features & ~Extension::kKindsOfPackets) | packets,
          .service = accepted.service,
          .services = accepted.services,
          .stamp = {},
          .resume = {},
          .udp = {}};
}

bool Session::on_peer_reset(const SessionMessage& message) {
  if (message.number == kControl) return false;
  const auto found = streams_.find(message.number);
  if (found != streams_.end() && !found->second->closed()) {
    found->second->on_peer_reset(message.text);
  }
  return true;
}

/// The stream, of this side's, that the peer opens one back to; nullptr if nobody here waits for that.
SessionStream* Session::find_back(const SessionMessage& message) const {
  const auto number = parse_decimal(std::string_view(message.service).substr(kBackTo.size()),
                                    std::numeric_limits<std::uint64_t>::max());
  if (!number || *number % 2 != next_own_ % 2) return nullptr;
  const auto found = streams_.find(*number);
  if (found == streams_.end() || !found->second->takes_back()) return nullptr;
  return found->second;
}

void Session::on_open(const SessionMessage& message) {
  next_theirs_ = message.number + 2;
  if (observer_ == nullptr) return refuse(message.number, "it takes no more connections");
  if (streams() >= kMaxStreams) return refuse(message.number, "too many connections at once");
  Extension wanted = *extension_;
  wanted.service = message.service;
  wanted.services.clear();
  wanted.features &= ~(Extension::kNoService | Extension::kResume | Extension::kKindsOfPackets);
  const bool is_back = message.service.starts_with(kBackTo);
  const std::uint64_t packets =
      passes_packets_ && !is_back ? message.features & Extension::kKindsOfPackets : 0;
  if (packets == Extension::kKindsOfPackets) {
    return refuse(message.number, "packets beside a stream are of one kind");
  }
  wanted.features |= packets;
  // As from a client whose first stream it is.
  if ((packets & Extension::kIpPackets) != 0) wanted.features |= Extension::kNoService;
  SessionStream* const back_to = is_back ? find_back(message) : nullptr;
  if (is_back && back_to == nullptr) return refuse(message.number, "nobody waits for it");
  const auto answer =
      is_back ? Result<Extension, std::string>(wanted) : observer_->on_stream_wanted(wanted);
  if (over_ || observer_ == nullptr) return;
  if (!answer) return refuse(message.number, answer.error());
  auto stream = make_stream(message.number);
  if (!stream) return refuse(message.number, "try again");
  SessionMessage accepted{.kind = Kind::kAccept,
                          .number = message.number,
                          .service = answer->service,
                          .services = {},
                          .features = packets & answer->features,
                          .text = {}};
  if (accepted.service.empty()) accepted.services = answer->services;
  say(accepted);
  stream->keep(shared_from_this());
  stream->want_packets(accepted.features);
  stream->accept(std::move(wanted));
  if (back_to != nullptr) return back_to->take_back(std::move(stream));
  observer_->on_stream(std::move(stream));
}

// --- The path ---

void Session::hold_socket() {
  pool_socket_ = context_.endpoint.owner_of(*path_->socket());
  age_timer_.stop();
  // Of what was not punched no mapping matters that the next packet would not make anew.
  if (!pool_socket_ || path_kind_ != PathKind::kDirect) return;
  age_timer_.start_at(pool_socket_->opened_at() + MappingWatch::kLasts + kBehindPunchSocket);
}

/// Whose mapping it is that may end asks for another path.
void Session::look_at_age() {
  const auto self = shared_from_this();
  if (over_ || !pool_socket_ || !context_.mappings.is_old(pool_socket_->opened_at())) return;
  age_timer_.start(kBetweenRenewals);
  if (streams() == 0 || link_ == nullptr) return;
  if (!initiator()) {
    // A further dial would come to the same socket, or find a NAT that gives each peer another mapping.
    const PunchSocket* const next = context_.punch_socket.get();
    const bool other = next != nullptr && next->ready() && next->socket() != pool_socket_ &&
                       next->nat().verdict() == Firewall::kConsistent;
    if (other) link_->ask_for_renewal();
  } else if (observer_ != nullptr) {
    observer_->on_path_old();
  }
}

void Session::on_renewal_wanted() {
  const auto self = shared_from_this();
  if (initiator() && !over_ && observer_ != nullptr) observer_->on_path_old();
}

void Session::on_link_proven() {
  proven_ = true;
  path_->lift_limit();
  // The client is somewhere else than was said.
  if (!path_->is(*link_->udp_socket(), link_->remote_address())) on_link_moved();
}

void Session::on_link_moved() {
  const auto old = std::move(pool_socket_);
  const bool other_kind = std::exchange(path_kind_, link_->path()) != link_->path();
  set_carriers();
  const bool elsewhere = !path_->is(*link_->udp_socket(), link_->remote_address());
  if (elsewhere && path_->heard()) ++moves_;
  path_->lift_limit();
  path_->set_rtt_hint(link_->rtt());
  path_->move(*link_->udp_socket(), link_->remote_address());
  hold_socket();
  if (old && old != pool_socket_) context_.mappings.observe(old);
  if (!other_kind) return;
  // Who hears of it may open more.
  for (SessionStream* const stream : all_streams()) stream->tell_path_changed();
}

std::vector<SessionStream*> Session::all_streams() const {
  std::vector<SessionStream*> out;
  for (const auto& [number, stream] : streams_) out.push_back(stream);
  return out;
}

bool Session::is_carried(const SessionStream& stream) const {
  return stream.is_control() || (link_ != nullptr && link_->carried());
}

void Session::set_carriers() {
  carrier_.on_link_changed();
  for (const auto& [number, stream] : streams_) {
    stream->raw().set_carrier(is_carried(*stream) ? &carrier_ : nullptr);
  }
}

void Session::adopt(std::unique_ptr<PeerSocket> link) {
  if (own_link_) let_link_go();
  own_link_ = std::move(link);
  link_ = own_link_.get();
  own_link_->set_session(this);
  own_link_->set_observer(link_observer_.get());
  on_link_moved();
  packets_.on_link();
}

SessionStream* Session::find(std::uint64_t number) const {
  const auto found = streams_.find(number);
  return found != streams_.end() ? found->second : nullptr;
}

void Session::let_link_go() {
  packets_.on_link_going();
  heard_before_ = heard_at();
  own_link_->set_session(nullptr);
  context_.env.scheduler.retire(std::move(own_link_));
  link_ = nullptr;
}

bool Session::hears(net::UdpSocket& socket, const net::Address& from) {
  if (path_->is(socket, from)) return true;
  if (link_ == nullptr) return false;
  if (link_->hears(socket, from)) return true;
  if (!link_->carried()) link_->challenge(socket, from);
  return false;
}

void Session::fail_unanswered(ConnectError error, const std::string& why) {
  for (SessionStream* const stream : all_streams()) {
    if (!stream->is_control() && !stream->accepted()) stream->fail(error, why);
  }
}

void Session::probe() {
  if (!over_) control_->raw().probe();
}

void Session::on_stalled() {
  const auto self = shared_from_this();
  if (observer_ != nullptr && !over_) observer_->on_path_doubtful();
}

/// A reset that the peer has not given a reason for may be anybody's.
void Session::on_link_over(const std::string& reason) {
  const auto self = shared_from_this();
  const std::optional<std::string> said = own_link_->session_end();
  const bool ended = own_link_->read_state() == net::ReadState::kEnd;
  let_link_go();
  set_carriers();
  if (said || ended || !proven_) {
    return finish(ConnectError::kReset, said.value_or("the peer has ended the session"));
  }
  // What is sent there helps nobody, until the peer speaks from there again.
  path_->limit_unproven(0);
  if (over_) return;
  // With nobody there to wait for the peer it is as with any connection.
  if (observer_ == nullptr) return finish(ConnectError::kTimedOut, reason);
  observer_->on_path_doubtful();
}

// --- The end ---

Bytes Session::farewell_of_stream(udx::Stream& raw, const std::string& reason) {
  return link_ != nullptr ? link_->farewell_over(raw, reason) : Bytes();
}

std::string Session::reason() const {
  if (over_ || link_ == nullptr) return reason_;
  return link_->session_end().value_or("");
}

std::optional<std::string> Session::open_farewell(MutableBytes message) {
  return link_ != nullptr ? link_->open_farewell(message) : std::nullopt;
}

Instant Session::heard_at() const {
  return link_ != nullptr ? std::max(heard_before_, link_->heard_at()) : heard_before_;
}

void Session::say_reset(const SessionStream& stream, const std::string& why) {
  if (over_ || stream.is_control() || !control_ || control_->closed()) return;
  say({.kind = Kind::kReset,
       .number = stream.number(),
       .service = {},
       .services = {},
       .features = 0,
       .text = why});
}

void Session::forget(SessionStream& stream) {
  carrier_.remove(stream.raw().id());
  if (streams_.erase(stream.number()) == 0) return;
  if (!over_ && observer_ != nullptr && streams() == 0) observer_->on_idle();
}

/// Of the control stream. Who ends a session ends that as well, and the link, which knows why.
void Session::on_reset(const std::string& reason) {
  const auto self = shared_from_this();
  const auto said = link_ != nullptr ? link_->session_end() : std::nullopt;
  if (!said) return finish(ConnectError::kBroken, reason);
  finish(ConnectError::kReset, *said);
}

void Session::end(const std::string& reason, ConnectError error) {
  const auto self = shared_from_this();
  if (over_) return;
  if (own_link_) {
    own_link_->end_session(reason);
    let_link_go();
  }
  finish(error, reason);
}

void Session::finish(ConnectError error, const std::string& reason) {
  if (std::exchange(over_, true)) return;
  reason_ = reason;
  carrier_.stop();
  age_timer_.stop();
  packets_.stop();
  for (SessionStream* const stream : all_streams()) stream->fail(error, reason);
  if (SessionObserver* const observer = std::exchange(observer_, nullptr)) {
    observer->on_session_over(reason);
  }
}

}  // namespace hsfwd::hyperdht
