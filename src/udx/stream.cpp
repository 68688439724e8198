// SPDX-License-Identifier: Apache-2.0
// Life of a stream: creation, the application's calls, the end. Packets coming in are handled in
// stream_input.cpp, packets going out in stream_output.cpp.
#include "udx/stream.hpp"

#include <algorithm>
#include <new>

#include "udx/mux.hpp"

namespace hsfwd::udx {

namespace {
// What is assumed of the peer's window before anything was heard; upstream's default.
constexpr std::uint32_t kAssumedWindow = 4 * 1024 * 1024;
// Destinations remembered for repeats; more changes of remote than this under way at once reuse
// the current one.
constexpr std::size_t kMaxDestinations = 8;
}  // namespace

Stream::Stream(Mux& mux, StreamId id, StreamObserver& observer, const StreamOptions& options)
    : Receiver(mux, id),
      transmitter_(mux.transmitter_),
      scheduler_(mux.scheduler_),
      observer_(observer),
      options_(options),
      send_buffer_(mux.slabs_, mux.small_slabs_),
      send_account_(mux.budget_),
      flight_(options.first_sent),
      remote_window_(kAssumedWindow),
      congestion_(PathMtu::kBase - kOverhead, mux.random_.u32()),
      mtu_(options.max_mtu),
      deadlines_(mux.scheduler_, [this] { Mux::guard(*this, [this] { on_timer(); }); }),
      received_(mux.packets_, options.first_received),
      receive_account_(mux.budget_) {
  progress_at_ = timeout_from_ = scheduler_.now();
  promised_until_ = last_advertised_ = receive_limit();
  mux_.add(*this);
}

Stream::~Stream() {
  if (!closed_ && finished()) close(CloseReason::kFinished);
  destroy();
}

void Stream::connect(net::UdpSocket& socket, StreamId remote_id, net::Address remote) {
  if (connected()) return;
  socket_ = &socket;
  destinations_.back() = {remote, remote_id};
  if (closed_) return;
  mtu_.reset(std::min(options_.max_mtu, socket.path_mtu(remote)));
  progress_at_ = timeout_from_ = scheduler_.now();
  if (options_.heartbeat > Duration())
    deadlines_.set(Deadline::kHeartbeat, scheduler_.now() + options_.heartbeat);
  mark_dirty();
}

void Stream::change_remote(net::UdpSocket& socket, StreamId remote_id, net::Address remote) {
  if (closed_ || !connected() || remote.port == 0) return;
  old_path_ = OldPath{socket_, current().address, std::nullopt};
  heard_ = false;
  socket_ = &socket;
  if (flight_.empty() || destinations_.size() >= kMaxDestinations) {
    destinations_.back() = {remote, remote_id};
  } else {
    destinations_.push_back({remote, remote_id});
  }
  mtu_.reset(std::min(options_.max_mtu, socket.path_mtu(remote)));
  congestion_.set_packet_size(mtu_.current() - kOverhead);
  congestion_.on_path_change(scheduler_.now());
  rtt_.reset();
  rack_.reset();
  pacer_.reset();
  change_mark_ = flight_.end();
  check_change_final();
  mark_dirty();
}

void Stream::lift_limit() {
  if (!std::exchange(allowance_, std::nullopt)) return;
  mark_dirty();
}

void Stream::redirect(net::UdpSocket& socket, net::Address remote) {
  if (closed_ || !connected() || remote.port == 0) return;
  socket_ = &socket;
  destinations_.assign(1, Destination{remote, StreamId(current().id)});
  mtu_.reset(std::min(options_.max_mtu, socket.path_mtu(remote)));
  repeat_in_flight();
}

std::size_t Stream::send_room() const {
  if (closed_ || end_requested_) return 0;
  const auto unsent = static_cast<std::size_t>(send_buffer_.end() - next_offset_);
  const std::size_t share = mux_.budget_.share();
  const std::size_t held = send_buffer_.buffered();
  if (unsent >= kMaxUnsent || held >= share) return 0;
  if (send_buffer_.wants_slab() && !send_account_.may_add(mux_.slabs_.buffer_size())) return 0;
  return std::min(kMaxUnsent - unsent, share - held);
}

void Stream::want_room() {
  if (closed_ || end_requested_ || writer_waits_) return;
  writer_waits_ = true;
  mark_dirty();
}

void Stream::commit(std::size_t size) {
  if (closed_ || end_requested_) {
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
  if (closed_ || end_requested_ || bytes.empty()) return;
  send_buffer_.append(bytes);
  charge_sent();
  writer_waits_ |= send_room() == 0;
  mark_dirty();
}

void Stream::end(std::size_t trailer) {
  if (closed_ || end_requested_) return;
  end_requested_ = true;
  content_end_ = send_buffer_.end() - trailer;
  writer_waits_ = false;
  mark_dirty();
}

bool Stream::all_acknowledged() const {
  return flight_.empty() && !has_unsent() && !end_unsent();
}

bool Stream::finished() const {
  return connected() && remote_ended_ && end_acked_ && flight_.empty();
}

/// The peer has said and heard all there is. What it owes yet is to have heard that this is the
/// end.
bool Stream::only_end_unacknowledged() const {
  return remote_ended_ && end_sent_ && !flight_.empty() &&
         flight_.at(flight_.begin()).offset >= content_end_;
}

void Stream::destroy(ByteView reason) {
  if (closed_) return;
  if (connected()) {
    const Header h = header(kDestroy, flight_.end());
    if (spend_allowance(kOverhead + reason.size())) {
      transmitter_.add_copy({socket_, current().address}, h, {}, reason);
      mark_dirty();
    }
    // Who was sent nothing, being unproven, hears it with its next packet.
    mux_.linger(*this, h, reason);
  }
  shut();
  chunks_.clear();
  chunk_memory_.clear();
  messages_.clear();
  events_.clear();
}

void Stream::send_message(ByteView first, ByteView second) {
  if (closed_ || !connected()) return;
  if (!spend_allowance(kOverhead + first.size() + second.size())) return;
  transmitter_.add_copy({socket_, current().address}, header(kMessage, flight_.end()), first,
                        second);
  ++stats_.packets_sent;
  mark_dirty();
}

void Stream::probe() {
  if (closed_ || !connected()) return;
  send_heartbeat();
  mark_dirty();
}

void Stream::consume(std::size_t size) {
  HSFWD_CHECK(size <= unread_bytes_);
  unread_bytes_ -= size;
  consumed_bytes_ += size;
  charge_received();
  if (closed_ || remote_end_seen_) return;
  // Tell the sender when the window has opened by a worthwhile amount: it has no other way to learn
  // of it than to ask, which it does only once in a while.
  const std::size_t limit = receive_limit();
  const std::size_t window = advertised_window(limit);
  const std::size_t step = limit / 4;
  if (last_advertised_ <= step && window >= last_advertised_ + step && connected()) owe_ack();
}

void Stream::set_memory_above(std::size_t bytes) {
  memory_above_ = bytes;
  charge_received();
}

void Stream::charge_received() {
  receive_account_.set(std::max(unread_bytes_, memory_above_) + received_.kept_memory());
}

void Stream::charge_sent() {
  send_account_.set(send_buffer_.allocated());
}

StreamStats Stream::stats() const {
  StreamStats out = stats_;
  out.rtt = rtt_.smoothed();
  out.window = congestion_.window();
  out.pacing_rate = congestion_.pacing_rate();
  out.mtu = mtu_.current();
  return out;
}

Header Stream::header(std::uint8_t flags, SeqNo seq) {
  const std::size_t limit = receive_limit();
  promised_until_ = std::max<std::uint64_t>(promised_until_, consumed_bytes_ + limit);
  return {.flags = flags,
          .data_offset = 0,
          .stream = current().id,
          .window = advertised_window(limit),
          .seq = seq,
          .ack = received_.next()};
}

/// What may be held unread. A share that shrinks takes nothing back that was promised: the window
/// stays closed until so much is read.
std::size_t Stream::receive_limit() const {
  const std::uint64_t opened = options_.first_window + 4 * consumed_bytes_;
  const auto own =
      static_cast<std::size_t>(std::min<std::uint64_t>(options_.receive_window, opened));
  return std::min(own, mux_.budget_.share());
}

std::uint32_t Stream::advertised_window(std::size_t limit) const {
  const std::size_t used = unread_bytes_ + received_.kept_bytes();
  return static_cast<std::uint32_t>(used >= limit ? 0 : limit - used);
}

void Stream::owe_ack() {
  ack_owed_ = true;
  mark_dirty();
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
    if (connected()) {
      transmitter_.add_copy({socket_, current().address}, header(kDestroy, flight_.end()), {}, {});
    }
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
}

}  // namespace hsfwd::udx
