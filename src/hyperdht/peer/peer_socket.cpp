// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/peer_socket.hpp"

#include <algorithm>
#include <functional>
#include <span>

#include "hyperdht/peer/context.hpp"
#include "hyperdht/peer/peer_sockets.hpp"
#include "hyperdht/wire/farewell.hpp"

namespace hsfwd::hyperdht {

namespace {
// A record below this is not worth its own frame; the next slab is begun instead.
constexpr std::size_t kMinRecord = 2048;
// How long a path that is doubted has to prove itself.
constexpr Duration kPathCheckPause = 500_ms;  // from one question to the next, too
constexpr Duration kPathCheckWait = 3_s;
// As long as unacknowledged data is repeated.
constexpr Duration kSilence = 25_s;
// Without secret keys others read and write what goes beside the stream; a reason names services.
constexpr const char* kUntold = "newer versions of hsfwd are told why";
constexpr const char* kUnproven = " (may not be the peer's words)";
constexpr std::size_t kMaxRecord = 64 * 1024 - secret_stream::kFrameOverhead;
// Messages that overtake the handshake, of which a peer has no use for more than a few.
constexpr std::size_t kMaxEarlyMessages = 16;
// What hsfwd peers send, see forward.md.
constexpr std::size_t kMaxRecordBody = 64 * 1024 - secret_stream::kLengthSize;
}  // namespace

PeerSocket::PeerSocket(const PeerContext& context, const crypto::PublicKey& local, bool initiator)
    : context_(context),
      initiator_(initiator),
      local_(local),
      raw_(context.mux.create_stream(*this, context.stream)),
      large_turn_(
          context.large_frames, [this] { settle(); },
          [this] {
            fail_because(ConnectError::kBroken,
                         "a large message was not complete in time, and others are waiting");
          }),
      keepalive_timer_(context.env.scheduler, [this] { keep_alive(); }),
      path_check_timer_(context.env.scheduler, [this] { on_path_check(); }),
      open_task_(context.env.scheduler, [this] { tell_open(); }),
      path_task_(context.env.scheduler,
                 [this] {
                   if (!silent_ && on_path_changed_) on_path_changed_();
                 }),
      closed_task_(context.env.scheduler, [this] { tell_closed(); }),
      readable_task_(context.env.scheduler, [this] {
        if (observer_ != nullptr) observer_->on_readable();
      }) {
  context_.sockets.add(*this);
}

PeerSocket::~PeerSocket() {
  if (controller_ != nullptr) controller_->on_socket_gone();
  context_.routes.linger(remote_, pool_socket_);
  context_.sockets.remove(*this);
}

void PeerSocket::own_controller(std::unique_ptr<PathController> controller) {
  owned_controller_ = std::move(controller);
  controller_ = owned_controller_.get();
}

void PeerSocket::set_observer(net::ByteStreamObserver* observer) {
  observer_ = observer;
  if (observer_ == nullptr) return;
  if (closed_ && !finished_) closed_task_.post();
  if (read_state() != net::ReadState::kBlocked) readable_task_.post();
}

Scheduler& PeerSocket::scheduler() const {
  return context_.env.scheduler;
}

/// Takes part in the ownership of the socket, if it is one of the pool.
void PeerSocket::hold(net::UdpSocket& socket) {
  pool_socket_ = context_.endpoint.owner_of(socket);
}

void PeerSocket::open(const noise::Session& session, const std::optional<Extension>& extension,
                      net::UdpSocket& socket, udx::StreamId remote_id, const net::Address& remote,
                      PathKind path) {
  if (closed_ || sender_) return;
  hold(socket);
  remote_ = session.remote;
  hash_ = session.hash;
  extension_ = extension;
  path_ = path;
  // Peers of our own kind count acknowledgements by what they cover, not by their number.
  if (extension_) raw_->set_ack_policy(udx::AckPolicy::kBatched);
  raw_->connect(socket, remote_id, remote);
  Random& random = context_.env.random;
  sender_.emplace(session, random.fixed<crypto::StreamHeader>());
  using secret_stream::EndMark;
  using Keys = secret_stream::Unordered::Keys;
  receiver_.emplace(session, context_.record_pool,
                    has(Extension::kSealedEnd) ? EndMark::kSealed : EndMark::kNone,
                    extension_ ? kMaxRecordBody : secret_stream::kMaxBody);
  unordered_.emplace(session, random,
                     has(Extension::kSecretKeys) ? Keys::kOfSecret : Keys::kOfHash);
  raw_->write(sender_->header_frame());
  if (initiator_ && first_record_) write_record({});
  last_write_ = context_.env.now();
  keep_alive();
  open_task_.post();
  if (ended_) end_raw();
  if (!early_.empty()) {
    const Bytes early = std::exchange(early_, {});
    const ByteView view = early;
    feed({&view, 1});
  }
  for (const Bytes& message : std::exchange(early_messages_, {})) receive_message(message);
  if (raw_ended_) on_end();
  if (read_state() != net::ReadState::kBlocked) readable_task_.post();
}

/// What came in before the keys were known follows in its order: messages, then the end.
void PeerSocket::tell_open() {
  if (!silent_ && on_open_) on_open_();
  if (observer_ != nullptr) observer_->on_writable();
  for (const Bytes& message : std::exchange(early_messages_, {})) {
    if (!silent_ && !closed_ && on_message_) on_message_(message);
  }
  if (!closed_ && early_close_) on_closed(*early_close_);
}

void PeerSocket::change_path(net::UdpSocket& socket, udx::StreamId remote_id,
                             const net::Address& remote, PathKind path) {
  if (closed_) return;
  const auto old = std::move(pool_socket_);
  hold(socket);
  path_ = path;
  old_source_ = std::exchange(other_source_, std::nullopt);
  raw_->change_remote(socket, remote_id, remote);
  path_task_.post();
}

void PeerSocket::fail(ConnectError error, const char* detail) {
  if (closed_) return;
  if (detail != nullptr) error_detail_ = detail;
  raw_->destroy();
  close(error);
}

void PeerSocket::fail_because(ConnectError error, const char* detail) {
  if (!closed_ && extension_) send_unordered(Farewell{detail}.encode());
  fail(error, detail);
}

void PeerSocket::close(ConnectError error) {
  if (closed_) return;
  closed_ = true;
  large_turn_.release();
  error_ = error;
  keepalive_timer_.stop();
  path_check_timer_.stop();
  path_task_.cancel();
  if (PathController* controller = std::exchange(controller_, nullptr)) {
    controller->on_socket_gone();
  }
  if (error == ConnectError::kTimedOut && raw_->connected()) {
    context_.routes.forget(remote_, *raw_->socket(), raw_->remote());
  }
  // Reading what is there takes memory, too.
  if (error == ConnectError::kNoMemory) readable_task_.cancel();
  closed_task_.post();
}

void PeerSocket::tell_closed() {
  if (observer_ == nullptr) return;
  if (finished_) {
    observer_->on_writable();  // flushed
  } else if (read_state() != net::ReadState::kData || leaving_ ||
             error_ == ConnectError::kNoMemory) {
    std::string why = describe(error_);
    if (!error_detail_.empty()) why += ": " + error_detail_;
    observer_->on_reset(why);
  } else {
    observer_->on_readable();  // consume() comes back here
  }
}

void PeerSocket::reset() {
  reset_with({});
}

void PeerSocket::reset_because(const std::string& reason) {
  reset_with(farewell(reason));
}

void PeerSocket::reset_with(ByteView farewell) {
  given_up_ = true;
  closed_task_.cancel();  // the caller knows
  if (closed_) return;
  open_task_.cancel();
  readable_task_.cancel();
  raw_->destroy(farewell);
  close(ConnectError::kReset);
  closed_task_.cancel();
}

void PeerSocket::reset_behind(const std::string& reason) {
  if (closed_) {
    leaving_ = reason;
    closed_task_.post();
  } else if (!std::exchange(leaving_, reason)) {
    keepalive_timer_.stop();
    raw_->tell_acknowledged();
    if (!is_open() || raw_->all_acknowledged()) leave();
  }
}

void PeerSocket::leave() {
  readable_task_.cancel();
  raw_->destroy(farewell(*leaving_));
  error_detail_ = *leaving_;
  close(ConnectError::kReset);
}

/// Sealed for the peer, and sent ahead; what rides on the reset itself cannot be lost or overtaken
/// by it. Nothing for stock peers.
Bytes PeerSocket::farewell(const std::string& reason) {
  if (!is_open() || !extension_) return {};
  const auto envelope =
      unordered_->seal(Farewell{has(Extension::kSecretKeys) ? reason : kUntold}.encode());
  if (!envelope) return {};
  raw_->send_message(*envelope);
  return *envelope;
}

// --- Sending ---

MutableBytes PeerSocket::reserve() {
  reserved_ = {};
  if (!is_open() || ended_ || leaving_) return {};
  if (raw_->send_room() == 0) {
    raw_->want_room();
    return {};
  }
  const MutableBytes room = raw_->reserve(kMinRecord);
  const std::size_t plaintext = std::min(room.size() - secret_stream::kFrameOverhead, kMaxRecord);
  reserved_ = room.first(plaintext + secret_stream::kFrameOverhead);
  return reserved_.subspan(secret_stream::kPlaintextOffset, plaintext);
}

void PeerSocket::commit(std::size_t size) {
  if (!is_open() || reserved_.empty()) return;
  if (size == 0) {
    raw_->commit(0);
  } else {
    const MutableBytes frame = reserved_.first(size + secret_stream::kFrameOverhead);
    sender_->seal(frame);
    raw_->commit(frame.size());
    last_write_ = context_.env.now();
  }
  reserved_ = {};
}

std::size_t PeerSocket::write(ByteView bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    const MutableBytes room = reserve();
    if (room.empty()) break;
    const ByteView part = bytes.subspan(taken, std::min(room.size(), bytes.size() - taken));
    copy_bytes(part, room);
    commit(part.size());
    taken += part.size();
  }
  return taken;
}

void PeerSocket::send_message(ByteView plaintext) {
  const std::size_t most = extension_ ? kMaxRecord : secret_stream::kMaxPlaintext;
  if (!is_open() || ended_ || plaintext.size() > most) return;
  write_record(plaintext);
}

void PeerSocket::write_record(ByteView plaintext) {
  Bytes frame(plaintext.size() + secret_stream::kFrameOverhead);
  copy_bytes(plaintext, MutableBytes(frame).subspan(secret_stream::kPlaintextOffset));
  sender_->seal(frame);
  raw_->write(frame);
  last_write_ = context_.env.now();
}

std::size_t PeerSocket::max_unordered() const {
  return raw_->max_message() - secret_stream::Unordered::kOverhead;
}

void PeerSocket::send_unordered(ByteView plaintext) {
  if (!is_open()) return;
  const auto envelope = unordered_->seal(plaintext);
  if (!envelope) {
    fail(ConnectError::kBroken);
    return;
  }
  raw_->send_message(*envelope);
}

void PeerSocket::ping(std::function<void(Duration)> done) {
  if (!is_open() || ended_) return;
  on_pong_ = std::move(done);
  pinged_at_ = context_.env.now();
  send_message({});
  raw_->tell_acknowledged();
}

void PeerSocket::on_acknowledged() {
  if (leaving_) {
    leave();
    return;
  }
  if (const auto done = std::exchange(on_pong_, nullptr)) done(context_.env.now() - pinged_at_);
}

void PeerSocket::end() {
  if (ended_ || closed_) return;
  ended_ = true;
  heard_at_ = context_.env.now();
  if (is_open()) end_raw();
}

void PeerSocket::end_raw() {
  if (!has(Extension::kSealedEnd)) {
    raw_->end();
    return;
  }
  const Bytes last = sender_->end_frame();
  raw_->write(last);
  raw_->end(last.size());
}

bool PeerSocket::flushed() const {
  return finished_ || (ended_ && is_open() && raw_->all_acknowledged());
}

/// After a while without writing: keeps NAT mappings open and shows when the peer is gone.
void PeerSocket::keep_alive() {
  const Duration interval = context_.keepalive;
  if (interval <= Duration() || leaving_ || !is_open()) return;
  if (ended_) {
    ask_for_life(interval);
    return;
  }
  const Instant due = last_write_ + interval;
  if (context_.env.now() >= due) {
    send_message({});
    keepalive_timer_.start(interval);
  } else {
    keepalive_timer_.start_at(due);
  }
}

/// Behind the own end nothing is sent that the peer has to acknowledge, so that it has to be asked.
void PeerSocket::ask_for_life(Duration interval) {
  const std::uint64_t heard = raw_->stats().packets_received;
  const Instant now = context_.env.now();
  if (std::exchange(heard_, heard) != heard) {
    heard_at_ = now;
  } else if (now - heard_at_ >= kSilence) {
    fail(ConnectError::kTimedOut);
    return;
  }
  raw_->probe();
  keepalive_timer_.start(interval);
}

void PeerSocket::check_path(const char* reason) {
  if (!is_open() || path_check_timer_.armed()) return;
  path_check_reason_ = reason;
  heard_before_check_.reset();
  raw_->probe();
  path_check_timer_.start(kPathCheckPause);
}

/// What arrives right after a change may have been on its way before, so only what comes after a
/// pause counts.
void PeerSocket::on_path_check() {
  const std::uint64_t heard = raw_->stats().packets_received;
  if (!heard_before_check_) {
    heard_before_check_ = heard;
    path_check_until_ = context_.env.now() + kPathCheckWait;
  } else if (heard != *heard_before_check_) {
    return;
  } else if (context_.env.now() >= path_check_until_) {
    fail(ConnectError::kTimedOut, path_check_reason_);
    return;
  }
  raw_->probe();
  path_check_timer_.start(kPathCheckPause);
}

// --- Receiving ---

net::ReadState PeerSocket::read_state() const {
  if (!receiver_) return net::ReadState::kBlocked;
  if (!receiver_->empty()) return net::ReadState::kData;
  return remote_ended_ ? net::ReadState::kEnd : net::ReadState::kBlocked;
}

ByteView PeerSocket::peek() {
  return receiver_ ? receiver_->peek() : ByteView();
}

void PeerSocket::consume(std::size_t size) {
  receiver_->consume(size);
  settle();
  if (closed_ && !finished_ && !given_up_ && receiver_->empty()) closed_task_.post();
}

net::ReadResult PeerSocket::read(MutableBytes into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const ByteView next = peek();
    if (next.empty()) break;
    const ByteView part = next.first(std::min(next.size(), into.size() - done));
    copy_bytes(part, into.subspan(done));
    consume(part.size());
    done += part.size();
  }
  if (done > 0) return {net::ReadState::kData, done};
  return {read_state(), 0};
}

bool PeerSocket::accept_path(net::UdpSocket& socket, net::Address from) {
  const Source source{&socket, from};
  // Who is unproven is heard only from where it is answered.
  const auto speaks = [&] { return !raw_->limited() && speaks_for_peer(source); };
  if (raw_->socket() == &socket && speaks()) return true;
  if (controller_ != nullptr) controller_->on_path(socket, from);
  return !raw_->connected() || raw_->is_path(socket, from) || speaks();
}

/// The peer may send from another address than the one it is reached at, being a host with several
/// or behind the same NAT. The first that speaks on a path is the one; whether it is the peer shows
/// when its first record opens. Once somebody has spoken nobody else is heard.
bool PeerSocket::speaks_for_peer(const Source& source) {
  if (!other_source_ && !raw_->heard()) other_source_ = source;
  return other_source_ == source || old_source_ == source;
}

void PeerSocket::on_data(std::span<const ByteView> chunks) {
  if (!receiver_) {
    // Came before the handshake was through: kept by the raw stream's window.
    for (const ByteView chunk : chunks) append(early_, chunk);
    return;
  }
  feed(chunks);
}

void PeerSocket::feed(std::span<const ByteView> chunks) {
  for (const ByteView chunk : chunks) {
    if (const auto fed = receiver_->feed(chunk); !fed) {
      const bool large = fed.error() == secret_stream::ReceiveError::kTooLarge;
      const char* const why = large ? "a record is larger than hsfwd peers send" : nullptr;
      context_.env.log.debug("peer", "stream broken: {}",
                             why ? why : "received data does not authenticate");
      large ? fail_because(ConnectError::kBroken, why) : fail(ConnectError::kBroken);
      return;
    }
  }
  settle();
  check_proof();
  remote_ended_ |= receiver_->ended();
  if (!receiver_->empty() || receiver_->ended()) tell_readable();
}

/// Accounts for what is held, and opens the window as far as it is dealt with.
void PeerSocket::settle() {
  const std::size_t large = receiver_->large_pending();
  if (large > 0 && large_turn_.request(large)) receiver_->credit_large();
  if (receiver_->holds_large()) {
    large_turn_.note_progress(receiver_->large_memory());
  } else {
    large_turn_.release();
  }
  raw_->set_memory_above(receiver_->memory());
  raw_->consume(receiver_->take_credit());
}

/// Of clients that promise no first record, the header is the earliest that only they can send: to
/// their stream's id at the server, which the second message tells them, sealed.
void PeerSocket::check_proof() {
  if (proven_ || closed_) return;
  const bool record_is_due = first_record_ && !initiator_;
  proven_ = record_is_due ? receiver_->messages() > 0 : receiver_->established();
  if (proven_ && controller_ != nullptr) controller_->on_proven();
}

/// The observer hears of the connection before it hears of what comes over it.
void PeerSocket::tell_readable() {
  if (open_task_.posted()) {
    readable_task_.post();
  } else if (observer_ != nullptr) {
    observer_->on_readable();
  }
}

void PeerSocket::on_messages(std::span<const ByteView> messages) {
  for (const ByteView message : messages) {
    if (unordered_) {
      receive_message(message);
    } else if (early_messages_.size() < kMaxEarlyMessages) {
      early_messages_.push_back(to_bytes(message));
    }
    if (closed_) return;
  }
}

void PeerSocket::receive_message(ByteView message) {
  auto plaintext = unordered_->open(message);
  if (!plaintext) return;
  if (const auto farewell = extension_ ? Farewell::decode(*plaintext) : std::nullopt) {
    error_detail_ = farewell->text + (has(Extension::kSecretKeys) ? "" : kUnproven);
  } else if (open_task_.posted()) {
    early_messages_.push_back(std::move(*plaintext));
  } else if (!silent_ && on_message_) {
    on_message_(*plaintext);
  }
}

/// Everybody on the way can end the raw stream, so between two that seal their ends that says
/// nothing of the data.
void PeerSocket::on_end() {
  raw_ended_ = true;
  if (!receiver_) return;
  if (!has(Extension::kSealedEnd)) {
    remote_ended_ = true;
    tell_readable();
  } else if (!receiver_->ended()) {
    cut();
  }
}

void PeerSocket::cut() {
  if (closed_) return;
  raw_->destroy(farewell(describe(ConnectError::kCut)));
  close(ConnectError::kCut);
}

void PeerSocket::on_writable() {
  if (observer_ != nullptr) observer_->on_writable();
}

void PeerSocket::on_remote_changed() {
  if (controller_ != nullptr) controller_->on_remote_changed();
}

void PeerSocket::on_stalled() {
  if (controller_ != nullptr) controller_->on_stalled();
}

void PeerSocket::on_path_proven() {
  if (controller_ != nullptr) controller_->on_path_proven();
}

void PeerSocket::on_no_memory() {
  if (!closed_) farewell("the other side is out of memory");
}

void PeerSocket::on_closed(udx::CloseReason reason) {
  if (closed_) return;
  // A reset that has overtaken the handshake's answer: that says to whom the connection was, and
  // makes the reason readable.
  if (!sender_) {
    early_close_ = reason;
    return;
  }
  finished_ = reason == udx::CloseReason::kFinished;
  switch (reason) {
    case udx::CloseReason::kFinished:
      return close(ConnectError::kNone);
    case udx::CloseReason::kReset:
      return close(ConnectError::kReset);
    case udx::CloseReason::kTimedOut:
      return close(ConnectError::kTimedOut);
    case udx::CloseReason::kNoMemory:
      return close(ConnectError::kNoMemory);
  }
}

}  // namespace hsfwd::hyperdht
