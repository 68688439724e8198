// SPDX-License-Identifier: Apache-2.0
// Life of a stream: creation, the application's calls, events, the end.
#include "udx/stream.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "udx/mux.hpp"

namespace hsfwd::udx {

Stream::Stream(Mux& mux, StreamId id, StreamObserver& observer, const StreamOptions& options)
    : Stream(mux, mux.create_path(options.max_mtu), nullptr, id, observer, options) {}

Stream::Stream(Mux& mux, Path& path, StreamId id, StreamObserver& observer,
               const StreamOptions& options)
    : Stream(mux, nullptr, &path, id, observer, options) {}

Stream::Stream(Mux& mux, std::unique_ptr<Path> own, Path* shared, StreamId id,
               StreamObserver& observer, const StreamOptions& options)
    : Receiver(mux, id),
      transmitter_(mux.transmitter_),
      scheduler_(mux.scheduler_),
      observer_(observer),
      options_(options),
      own_path_(std::move(own)),
      path_(own_path_ ? *own_path_ : *shared),
      send_buffer_(mux.slabs_, mux.small_slabs_),
      send_account_(mux.budget_),
      flight_(options.first_sent, path_.in_flight()),
      deadlines_(mux.scheduler_, [this] { on_due(); }),
      received_(mux.packets_, options.first_received),
      window_(mux.budget_, received_, options.first_window, options.receive_window) {
  progress_at_ = timeout_from_ = scheduler_.now();
  mux_.add(*this);
  path_.join(*this);
}

Stream::~Stream() {
  if (!closed_ && finished()) close(CloseReason::kFinished);
  destroy();
}

// --- Where it goes ---

void Stream::connect(net::UdpSocket& socket, StreamId remote_id, net::Address remote) {
  if (connected()) return;
  if (!path_.known()) path_.begin(socket, remote);
  HSFWD_CHECK(path_.is(socket, remote));
  connect(remote_id);
}

void Stream::connect(StreamId remote_id) {
  if (connected()) return;
  HSFWD_CHECK(path_.known());
  change_.set({path_.remote(), remote_id});
  if (closed_) return;
  progress_at_ = timeout_from_ = scheduler_.now();
  if (options_.heartbeat > Duration())
    deadlines_.set(Deadline::kHeartbeat, scheduler_.now() + options_.heartbeat);
  mark_dirty();
}

void Stream::change_remote(net::UdpSocket& socket, StreamId remote_id, net::Address remote) {
  if (closed_ || !connected() || remote.port == 0) return;
  path_.change(socket, remote);
  change_.rename(remote_id);
}

void Stream::on_path_changed(const Place& left) {
  if (!connected()) return;
  const PathChange::Destination to{path_.remote(), change_.current().id};
  change_.begin(left, to, flight_.end(), flight_.empty());
  flight_.forget_probes();
  forget_size_probe();
  rack_.reset();
  check_change_final();
  mark_dirty();
}

void Stream::move(net::UdpSocket& socket, net::Address remote) {
  if (closed_ || !connected() || remote.port == 0) return;
  path_.move(socket, remote);
}

void Stream::send_message_to(net::UdpSocket& socket, net::Address to, ByteView message) {
  if (closed_ || !connected() || to.port == 0) return;
  transmitter_.add_copy({&socket, to}, header(kMessage, flight_.end()), {}, message);
  mark_dirty();
}

void Stream::on_path_moved() {
  if (!connected()) return;
  change_.set({path_.remote(), change_.current().id});
  flight_.forget_probes();
  forget_size_probe();
  rack_.reset();
  tail_probe_until_.reset();
  timeouts_in_row_ = 0;
  progress_at_ = timeout_from_ = scheduler_.now();
  repeat_in_flight();
}

void Stream::redirect(net::UdpSocket& socket, net::Address remote) {
  if (closed_ || !connected() || remote.port == 0) return;
  path_.redirect(socket, remote);
}

void Stream::on_path_redirected() {
  if (!connected()) return;
  const PathChange::Destination to{path_.remote(), change_.current().id};
  change_.set(to);
  forget_size_probe();
  repeat_in_flight();
}

void Stream::repeat_in_flight() {
  while (flight_.has_in_flight()) flight_.mark_lost(flight_.oldest_in_flight());
  mark_dirty();
}

// --- Sending ---

std::size_t Stream::send_room() const {
  if (closed_ || ended()) return 0;
  const auto unsent = static_cast<std::size_t>(send_buffer_.end() - next_offset_);
  const std::size_t share = mux_.budget_.large_share();
  const std::size_t held = send_buffer_.buffered();
  if (unsent >= max_unsent_ || held >= share) return 0;
  if (send_buffer_.wants_slab() && !send_account_.may_add(mux_.slabs_.buffer_size())) return 0;
  return std::min(max_unsent_ - unsent, share - held);
}

void Stream::want_room() {
  if (closed_ || ended() || writer_waits_) return;
  writer_waits_ = true;
  mark_dirty();
}

void Stream::commit(std::size_t size) {
  if (closed_ || ended()) {
    send_buffer_.clear();
    charge_sent();
    return;
  }
  send_buffer_.commit(size);
  charge_sent();
  if (size == 0) return;
  writer_waits_ |= send_room() == 0;
  mark_dirty();
}

void Stream::write(ByteView bytes) {
  if (closed_ || ended() || bytes.empty()) return;
  send_buffer_.append(bytes);
  charge_sent();
  writer_waits_ |= send_room() == 0;
  mark_dirty();
}

void Stream::end(std::size_t trailer) {
  if (closed_ || ended()) return;
  end_ = End::kRequested;
  content_end_ = send_buffer_.end() - trailer;
  writer_waits_ = false;
  mark_dirty();
}

bool Stream::all_acknowledged() const {
  return flight_.empty() && !has_unsent() && !end_unsent();
}

void Stream::send_message(ByteView first, ByteView second) {
  if (closed_ || !connected()) return;
  if (!path_.spend_allowance(kOverhead + first.size() + second.size())) return;
  send_bare(kMessage, first, second);
  ++stats_.packets_sent;
  mark_dirty();
}

bool Stream::claim_messages(std::size_t number, std::size_t bytes) {
  if (closed_ || !connected()) return false;
  const std::size_t datagrams = bytes + number * kOverhead;
  if (!transmitter_.blocked(*socket()) && path_.spend_allowance(datagrams)) return true;
  message_waits_ = datagrams;
  return false;
}

void Stream::send_messages(std::span<const MutableBytes> messages) {
  if (closed_ || !connected() || messages.empty()) return;
  const Header h = header(kMessage, flight_.end());
  transmitter_.send_messages({socket(), remote()}, h, messages);
  stats_.packets_sent += messages.size();
  const auto larger = [](MutableBytes a, MutableBytes b) { return a.size() < b.size(); };
  path_.on_message_sent(std::max_element(messages.begin(), messages.end(), larger)->size() +
                        kOverhead);
  if (probes_with_messages_ && path_.wanted_probe()) mark_dirty();
}

void Stream::probe_with_messages() {
  probes_with_messages_ = true;
  mark_dirty();
}

/// The next one is another, whatever its size.
void Stream::forget_size_probe() {
  size_probe_.under_way = false;
  size_probe_.size = 0;
  deadlines_.clear(Deadline::kSizeProbe);
}

void Stream::on_probe_answered(std::uint32_t number) {
  if (closed_ || !size_probe_.under_way || number != size_probe_.number) return;
  forget_size_probe();
  path_.on_probe_acked();
  mark_dirty();
}

void Stream::probe() {
  if (closed_ || !connected()) return;
  send_heartbeat();
  mark_dirty();
}

// --- Receiving ---

/// Tells the sender when the window has opened by a worthwhile amount: it has no other way to learn
/// of it than to ask, which it does only once in a while.
void Stream::consume(std::size_t size) {
  window_.on_consumed(size);
  if (closed_ || remote_end_ || !connected()) return;
  if (window_.worth_announcing()) owe_ack();
}

void Stream::let_window_grow() {
  if (options_.receive_window >= StreamOptions().receive_window) window_.let_grow();
}

void Stream::set_memory_above(std::size_t bytes) {
  window_.set_memory_above(bytes);
}

StreamStats Stream::stats() const {
  StreamStats out = stats_;
  out.rtt = path_.rtt().smoothed();
  out.window = path_.window();
  out.pacing_rate = path_.pacing_rate();
  out.mtu = path_.mtu();
  return out;
}

Header Stream::header(std::uint8_t flags, SeqNo seq) {
  return {.flags = flags,
          .data_offset = 0,
          .stream = change_.current().id,
          .window = window_.promise(),
          .seq = seq,
          .ack = received_.next()};
}

// --- Events ---

/// The lists move to the mux for the call, since the stream may not survive it. The bytes are kept
/// alive by the caller's batch, or by the list of those that came out of order.
bool Stream::deliver_next() {
  const auto event = events_.take_first();
  if (!event) return false;
  auto& list = mux_.delivering_;
  switch (*event) {
    case Event::kData:
      mux_.delivering_memory_.clear();
      list.clear();
      list.swap(chunks_);
      mux_.delivering_memory_.swap(chunk_memory_);
      observer_.on_data(list);
      break;
    case Event::kMessages:
      mux_.delivering_messages_.clear();
      mux_.delivering_messages_.swap(messages_);
      observer_.on_messages(mux_.delivering_messages_);
      break;
    case Event::kRemoteChanged:
      observer_.on_remote_changed();
      break;
    case Event::kStalled:
      observer_.on_stalled();
      break;
    case Event::kPathProven:
      observer_.on_path_proven();
      break;
    case Event::kAcknowledged:
      observer_.on_acknowledged();
      break;
    case Event::kEnd:
      observer_.on_end();
      break;
    case Event::kWritable:
      observer_.on_writable();
      break;
    case Event::kMtuChanged:
      observer_.on_max_message();
      break;
    case Event::kProbeWanted:
      if (size_probe_.under_way)
        observer_.on_probe_wanted(size_probe_.number, size_probe_.size - kOverhead);
      break;
    case Event::kMessagesWritable:
      observer_.on_messages_writable();
      break;
    case Event::kClosed:
      observer_.on_closed(close_reason_);
      break;
  }
  return true;
}

// --- The end ---

bool Stream::finished() const {
  return connected() && remote_ended_ && end_ == End::kAcked && flight_.empty();
}

bool Stream::only_end_unacknowledged() const {
  return remote_ended_ && end_ >= End::kSent && !flight_.empty() &&
         flight_.at(flight_.begin()).offset >= content_end_;
}

void Stream::destroy(ByteView reason) {
  if (closed_) return;
  if (connected()) {
    if (path_.spend_allowance(kOverhead + reason.size())) {
      send_bare(kDestroy, reason);
      mark_dirty();
    }
    // Who was sent nothing, being unproven, hears it with its next packet.
    mux_.linger(*this, header(kDestroy, flight_.end()), reason);
  }
  shut();
  chunks_.clear();
  chunk_memory_.clear();
  messages_.clear();
  events_.clear();
}

void Stream::close(CloseReason reason) {
  if (closed_) return;
  if (reason == CloseReason::kFinished) {
    if (std::exchange(ack_owed_, false)) send_state();
    mux_.linger(*this, header(kState, flight_.end()), {});
  }
  close_reason_ = reason;
  events_.raise(Event::kClosed);
  mark_dirty();
  shut();
}

/// From inside anything that the stream does: it holds what it has got so far, and ends.
void Stream::run_out_of_memory() {
  if (closed_) return;
  try {
    observer_.on_no_memory();
    if (connected()) send_bare(kDestroy);
  } catch (const std::bad_alloc&) {
    // The peer finds out by itself.
  }
  close(CloseReason::kNoMemory);
}

/// Takes the stream out of service. Events that are waiting are still told.
void Stream::shut() {
  closed_ = true;
  mux_.remove(*this);
  deadlines_.stop();
  send_buffer_.clear();
  charge_sent();
  leave_path();
}

/// Others may use it on: nothing of this stream counts or is waited for there.
void Stream::leave_path() {
  if (recovery_until_) path_.end_recovery();
  flight_.leave_path();
  if (!own_path_) {
    if (size_probe_.under_way) path_.on_probe_abandoned();
    for (SeqNo seq = flight_.begin(); seq < flight_.end(); seq = seq.next()) {
      if (flight_.at(seq).probe) path_.on_probe_abandoned();
    }
  }
  path_.leave(*this);
}

}  // namespace hsfwd::udx
