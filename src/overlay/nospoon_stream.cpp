// SPDX-License-Identifier: Apache-2.0
#include "overlay/nospoon_stream.hpp"

#include <algorithm>
#include <utility>

namespace hsfwd::overlay {

namespace {
// Of plaintext: a peer can use none of it before it has the whole record.
constexpr std::size_t kMaxRecord = 16 * 1024;
constexpr const char* kOutOfStep = "the peer sends what is not nospoon's framing";
}  // namespace

NospoonStream::NospoonStream(Scheduler& scheduler, std::unique_ptr<PeerStream> stream,
                             std::size_t max_inbound,
                             std::function<void(std::uint64_t)> on_too_large)
    : stream_(std::move(stream)),
      on_too_large_(std::move(on_too_large)),
      reader_(max_inbound),
      keepalive_timer_(scheduler, [this] { send_keepalive(); }) {
  stream_->set_max_unsent(kMaxUnsent);
  keepalive_timer_.start(kKeepalive);
}

void NospoonStream::set_observer(net::ByteStreamObserver* observer) {
  observer_ = observer;
  stream_->set_observer(observer != nullptr ? this : nullptr);
}

void NospoonStream::cancel() {
  keepalive_timer_.stop();
  observer_ = nullptr;
  packet_observer_ = nullptr;
  stream_->cancel();
}

void NospoonStream::reset() {
  keepalive_timer_.stop();
  stream_->reset();
}

void NospoonStream::reset_because(const std::string& reason) {
  keepalive_timer_.stop();
  stream_->reset_because(reason);
}

// --- Sending ---

std::size_t NospoonStream::send_packets(std::span<const MutableBytes> packets) {
  std::size_t taken = 0;
  while (taken < packets.size() && send_rest()) {
    const std::size_t sent = send_record(packets.subspan(taken));
    if (sent == 0) break;
    taken += sent;
  }
  blocked_ = taken < packets.size();
  return taken;
}

/// As many frames as go into one record, and how many.
std::size_t NospoonStream::send_record(std::span<const MutableBytes> packets) {
  MutableBytes room = stream_->reserve();
  if (room.empty()) return 0;
  room = room.first(std::min(room.size(), kMaxRecord));
  std::size_t used = 0;
  std::size_t taken = 0;
  for (const MutableBytes packet : packets) {
    const std::size_t size = nospoon::frame_size(packet);
    if (size > room.size() - used) break;
    nospoon::write_frame(packet, room.subspan(used, size));
    used += size;
    ++taken;
  }
  stream_->commit(used);
  if (taken > 0) return taken;
  // One larger than the room, which is more than a few packets of any path.
  rest_.resize(nospoon::frame_size(packets.front()));
  nospoon::write_frame(packets.front(), rest_);
  send_rest();
  return 1;
}

/// Whether nothing is left of it.
bool NospoonStream::send_rest() {
  const std::size_t sent = rest_.empty() ? 0 : stream_->write(rest_);
  rest_.erase(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(sent));
  return rest_.empty();
}

void NospoonStream::send_keepalive() {
  keepalive_timer_.start(kKeepalive);
  if (!send_rest()) return;
  rest_.assign(nospoon::kKeepalive.begin(), nospoon::kKeepalive.end());
  send_rest();
}

void NospoonStream::on_writable() {
  if (send_rest() && std::exchange(blocked_, false) && packet_observer_ != nullptr) {
    packet_observer_->on_packets_writable();
  }
}

// --- Receiving ---

net::ReadState NospoonStream::read_state() const {
  const net::ReadState below = stream_->read_state();
  return below == net::ReadState::kEnd ? below : net::ReadState::kBlocked;
}

void NospoonStream::on_readable() {
  for (ByteView bytes = stream_->peek(); !bytes.empty(); bytes = stream_->peek()) {
    if (!deliver(bytes)) return;
    stream_->consume(bytes.size());
  }
  if (read_state() == net::ReadState::kEnd && observer_ != nullptr) observer_->on_readable();
}

/// False: nobody wants the rest.
bool NospoonStream::deliver(ByteView bytes) {
  while (!bytes.empty()) {
    bytes = bytes.subspan(reader_.feed(bytes));
    if (packet_observer_ == nullptr) return false;
    packet_observer_->on_packets(reader_.packets());
    if (observer_ == nullptr) return false;
    const std::uint64_t too_large = reader_.passed_over();
    if (too_large > told_) on_too_large_(too_large - std::exchange(told_, too_large));
    if (reader_.broken()) {
      reset_because(kOutOfStep);
      observer_->on_reset(kOutOfStep);
      return false;
    }
  }
  return true;
}

void NospoonStream::on_reset(const std::string& reason) {
  keepalive_timer_.stop();
  if (observer_ != nullptr) observer_->on_reset(reason);
}

}  // namespace hsfwd::overlay
