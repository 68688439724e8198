// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/secure_stream.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "hyperdht/peer/context.hpp"

namespace hsfwd::hyperdht {

namespace {
// A record below this is not worth its own frame; the next slab is begun instead.
constexpr std::size_t kMinRecord = 2048;
constexpr std::size_t kMaxRecord = 64 * 1024 - secret_stream::kFrameOverhead;
// What hsfwd peers send, see forward.md.
constexpr std::size_t kMaxRecordBody = 64 * 1024 - secret_stream::kLengthSize;
}  // namespace

SecureStream::SecureStream(const PeerContext& context, Connection& connection)
    : SecureStream(context, connection, [&](udx::StreamObserver& observer) {
        return context.mux.create_stream(observer, context.stream);
      }) {}

SecureStream::SecureStream(const PeerContext& context, Connection& connection, udx::Path& path,
                           udx::StreamId id, const udx::StreamOptions& options)
    : SecureStream(context, connection, [&](udx::StreamObserver& observer) {
        return context.mux.create_stream(path, id, observer, options);
      }) {}

SecureStream::SecureStream(
    const PeerContext& context, Connection& connection,
    const std::function<std::unique_ptr<udx::Stream>(udx::StreamObserver&)>& make_raw)
    : context_(context),
      connection_(connection),
      raw_(make_raw(*this)),
      large_turn_(
          context.large_frames, [this] { settle(); },
          [this] {
            connection_.on_stream_broken(
                "a large message was not complete in time, and others are waiting");
          }),
      open_task_(context.env.scheduler, [this] { tell_open(); }),
      closed_task_(context.env.scheduler, [this] { tell_closed(); }),
      readable_task_(context.env.scheduler, [this] {
        if (observer_ != nullptr) observer_->on_readable();
      }) {}

void SecureStream::set_observer(net::ByteStreamObserver* observer) {
  observer_ = observer;
  if (observer_ == nullptr) return;
  if (state_ == State::kBroken) closed_task_.post();
  if (read_state() != net::ReadState::kBlocked) readable_task_.post();
}

void SecureStream::look_again() {
  const bool heard_last = given_up_ || leaving_ || state_ == State::kBroken;
  if (!heard_last && read_state() != net::ReadState::kBlocked) readable_task_.post();
}

Scheduler& SecureStream::scheduler() const {
  return context_.env.scheduler;
}

// --- Life ---

void SecureStream::set_keys(const noise::Session& session, const Terms& terms,
                            net::UdpSocket& socket, udx::StreamId remote_id,
                            const net::Address& remote) {
  terms_ = terms;
  // Peers of our own kind count acknowledgements by what they cover, not by their number, and heed any window.
  if (terms.hsfwd) {
    raw_->set_ack_policy(udx::AckPolicy::kBatched);
    raw_->let_window_grow();
  }
  raw_->connect(socket, remote_id, remote);
  sender_.emplace(session, context_.env.random.fixed<crypto::StreamHeader>());
  using secret_stream::EndMark;
  receiver_.emplace(session, context_.record_pool,
                    terms.sealed_end ? EndMark::kSealed : EndMark::kNone,
                    terms.hsfwd ? kMaxRecordBody : secret_stream::kMaxBody);
  state_ = State::kOpen;
}

void SecureStream::begin() {
  raw_->write(sender_->header_frame());
  if (terms_.first_record) write_record({});
  last_write_ = context_.env.now();
  open_task_.post();
  if (ended_at_) end_raw();
}

void SecureStream::deliver_early() {
  if (early_.empty()) return;
  const Bytes early = std::exchange(early_, {});
  const ByteView view = early;
  feed({&view, 1});
}

void SecureStream::deliver_early_end() {
  if (raw_ended_) on_end();
  look_again();
}

/// What came in before the keys were known follows in its order: messages, then the end.
void SecureStream::tell_open() {
  connection_.on_stream_open();
  if (observer_ != nullptr) observer_->on_writable();
  connection_.on_stream_announced();
  if (!closed() && early_close_) on_closed(*early_close_);
}

void SecureStream::abort(ConnectError error, const std::string& detail) {
  if (closed()) return;
  raw_->destroy();
  close(State::kBroken, error, detail);
}

void SecureStream::let_go(ConnectError error, const std::string& detail) {
  const bool all_said = is_open() && remote_ended_ && ended_at_ &&
                        (raw_->all_acknowledged() || raw_->only_end_unacknowledged());
  if (!all_said) return abort(error, detail);
  raw_->destroy();
  close(State::kFinished, ConnectError::kNone);
}

void SecureStream::close(State state, ConnectError error, const std::string& detail) {
  if (closed()) return;
  state_ = state;
  error_ = error;
  large_turn_.release();
  connection_.on_stream_closed(error, detail);
  // Reading what is there takes memory, too.
  if (error == ConnectError::kNoMemory) readable_task_.cancel();
  closed_task_.post();
}

void SecureStream::tell_closed() {
  if (observer_ == nullptr) return;
  if (state_ == State::kFinished) {
    observer_->on_writable();  // flushed
  } else if (read_state() != net::ReadState::kData || leaving_ ||
             error_ == ConnectError::kNoMemory) {
    observer_->on_reset(connection_.why_closed());
  } else {
    observer_->on_readable();  // consume() comes back here
  }
}

void SecureStream::reset() {
  reset_with({});
}

void SecureStream::reset_because(const std::string& reason) {
  reset_with(connection_.farewell(reason));
}

void SecureStream::reset_with(ByteView farewell) {
  given_up_ = true;
  closed_task_.cancel();  // the caller knows
  open_task_.cancel();
  readable_task_.cancel();
  if (closed()) return;
  raw_->destroy(farewell);
  close(State::kBroken, ConnectError::kReset);
  closed_task_.cancel();
}

void SecureStream::reset_behind(const std::string& reason) {
  if (closed()) {
    leaving_ = reason;
    closed_task_.post();
  } else if (!std::exchange(leaving_, reason)) {
    raw_->tell_acknowledged();
    if (!is_open() || raw_->all_acknowledged()) leave();
  }
}

void SecureStream::leave() {
  readable_task_.cancel();
  raw_->destroy(connection_.farewell(*leaving_));
  close(State::kBroken, ConnectError::kReset, *leaving_);
}

/// The end of the raw stream was nobody's who has the keys.
void SecureStream::cut() {
  if (closed()) return;
  raw_->destroy(connection_.farewell(describe(ConnectError::kCut)));
  close(State::kBroken, ConnectError::kCut);
}

void SecureStream::on_no_memory() {
  if (!closed()) connection_.farewell("the other side is out of memory");
}

void SecureStream::on_closed(udx::CloseReason reason) {
  if (closed()) return;
  // A reset that has overtaken the handshake's answer: that says to whom the connection was, and
  // makes the reason readable.
  if (state_ == State::kWaiting && reason != udx::CloseReason::kNoMemory) {
    early_close_ = reason;
    return;
  }
  switch (reason) {
    case udx::CloseReason::kFinished:
      return close(State::kFinished, ConnectError::kNone);
    case udx::CloseReason::kReset:
      return close(State::kBroken, ConnectError::kReset);
    case udx::CloseReason::kTimedOut:
      return close(State::kBroken, ConnectError::kTimedOut);
    case udx::CloseReason::kNoMemory:
      return close(State::kBroken, ConnectError::kNoMemory);
  }
}

// --- Sending ---

MutableBytes SecureStream::reserve() {
  reserved_ = {};
  if (!is_open() || ended_at_ || leaving_) return {};
  if (raw_->send_room() == 0) {
    raw_->want_room();
    return {};
  }
  const MutableBytes room = raw_->reserve(kMinRecord);
  const std::size_t most = std::min(room.size() - secret_stream::kFrameOverhead, kMaxRecord);
  const std::size_t plaintext = most - most % crypto::kFastRecordUnit;
  reserved_ = room.first(plaintext + secret_stream::kFrameOverhead);
  return reserved_.subspan(secret_stream::kPlaintextOffset, plaintext);
}

void SecureStream::commit(std::size_t size) {
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

std::size_t SecureStream::write(ByteView bytes) {
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

void SecureStream::send_message(ByteView plaintext) {
  const std::size_t most = terms_.hsfwd ? kMaxRecord : secret_stream::kMaxPlaintext;
  if (!is_open() || ended_at_ || plaintext.size() > most) return;
  write_record(plaintext);
}

void SecureStream::write_record(ByteView plaintext) {
  Bytes frame(plaintext.size() + secret_stream::kFrameOverhead);
  copy_bytes(plaintext, MutableBytes(frame).subspan(secret_stream::kPlaintextOffset));
  sender_->seal(frame);
  raw_->write(frame);
  last_write_ = context_.env.now();
}

void SecureStream::end() {
  if (ended_at_ || closed()) return;
  ended_at_ = context_.env.now();
  if (is_open()) end_raw();
}

void SecureStream::end_raw() {
  if (!terms_.sealed_end) {
    raw_->end();
    return;
  }
  const Bytes last = sender_->end_frame();
  raw_->write(last);
  raw_->end(last.size());
}

bool SecureStream::flushed() const {
  return state_ == State::kFinished || (ended_at_ && is_open() && raw_->all_acknowledged());
}

void SecureStream::on_writable() {
  if (observer_ != nullptr) observer_->on_writable();
}

void SecureStream::on_acknowledged() {
  if (leaving_) {
    leave();
  } else {
    connection_.on_stream_acknowledged();
  }
}

// --- Receiving ---

net::ReadState SecureStream::read_state() const {
  if (!receiver_) return net::ReadState::kBlocked;
  if (!receiver_->empty()) return net::ReadState::kData;
  return remote_ended_ ? net::ReadState::kEnd : net::ReadState::kBlocked;
}

ByteView SecureStream::peek() {
  return receiver_ ? receiver_->peek() : ByteView();
}

void SecureStream::consume(std::size_t size) {
  receiver_->consume(size);
  settle();
  if (state_ == State::kBroken && !given_up_ && receiver_->empty()) closed_task_.post();
}

net::ReadResult SecureStream::read(MutableBytes into) {
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

void SecureStream::on_data(std::span<const ByteView> chunks) {
  if (!receiver_) {
    // Came before the handshake was through: kept by the raw stream's window.
    for (const ByteView chunk : chunks) append(early_, chunk);
    return;
  }
  feed(chunks);
}

void SecureStream::feed(std::span<const ByteView> chunks) {
  for (const ByteView chunk : chunks) {
    if (const auto fed = receiver_->feed(chunk); !fed) {
      const bool large = fed.error() == secret_stream::ReceiveError::kTooLarge;
      const char* const why = large ? "a record is larger than hsfwd peers send" : nullptr;
      context_.env.log.debug("peer", "stream broken: {}",
                             why ? why : "received data does not authenticate");
      connection_.on_stream_broken(why);
      return;
    }
  }
  settle();
  if (!closed()) connection_.on_records(*receiver_);
  remote_ended_ |= receiver_->ended();
  if (!receiver_->empty() || receiver_->ended()) tell_readable();
}

/// Accounts for what is held, and opens the window as far as it is dealt with.
void SecureStream::settle() {
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

/// The observer hears of the stream before it hears of what comes over it.
void SecureStream::tell_readable() {
  if (open_task_.posted()) {
    readable_task_.post();
  } else if (observer_ != nullptr) {
    observer_->on_readable();
  }
}

/// Everybody on the way can end the raw stream, so between two that seal their ends that says
/// nothing of the data.
void SecureStream::on_end() {
  raw_ended_ = true;
  if (!receiver_) return;
  if (!terms_.sealed_end) {
    remote_ended_ = true;
    tell_readable();
  } else if (!receiver_->ended()) {
    cut();
  }
}

// --- The connection's ---

bool SecureStream::accept_path(net::UdpSocket& socket, net::Address from) {
  return connection_.accept_path(socket, from);
}

void SecureStream::on_stray_message(net::UdpSocket& socket, net::Address from,
                                    MutableBytes message) {
  connection_.on_stray_message(socket, from, message);
}

void SecureStream::on_messages(std::span<const MutableBytes> messages) {
  connection_.on_messages(messages);
}

void SecureStream::on_messages_writable() {
  connection_.on_messages_writable();
}

void SecureStream::on_max_message() {
  connection_.on_max_message();
}

void SecureStream::on_probe_wanted(std::uint32_t number, std::size_t size) {
  connection_.on_probe_wanted(number, size);
}

void SecureStream::on_remote_changed() {
  connection_.on_remote_changed();
}

void SecureStream::on_path_proven() {
  connection_.on_path_proven();
}

void SecureStream::on_stalled() {
  connection_.on_stalled();
}

}  // namespace hsfwd::hyperdht
