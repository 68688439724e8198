// SPDX-License-Identifier: Apache-2.0
#include "node/pending_stream.hpp"

#include <span>
#include <utility>

namespace hsfwd {

PendingStream::PendingStream(Scheduler& scheduler, const PublicKey& key, Finder& finder)
    : key_(key), finder_(&finder), failed_task_(scheduler, [this] {
        if (observer_ != nullptr) observer_->on_reset(reason_);
      }) {}

PendingStream::~PendingStream() {
  let_go();
}

void PendingStream::let_go() {
  if (Finder* const finder = std::exchange(finder_, nullptr)) finder->on_unwanted(*this);
}

void PendingStream::join(std::unique_ptr<PeerStream> stream, bool open) {
  finder_ = nullptr;
  stream_ = std::move(stream);
  if (max_unsent_ > 0) stream_->set_max_unsent(max_unsent_);
  stream_->set_on_path_changed(std::exchange(on_path_changed_, nullptr));
  stream_->set_on_message(std::exchange(on_message_, nullptr));
  if (on_back_) stream_->set_on_back(std::exchange(on_back_, nullptr));
  if (packet_observer_ != nullptr) stream_->set_packet_observer(packet_observer_);
  const auto on_open = std::exchange(on_open_, nullptr);
  if (!open) stream_->set_on_open(on_open);
  stream_->set_observer(observer_);
  if (ended_) stream_->end();
  if (open && on_open) on_open();
  if (observer_ != nullptr) observer_->on_writable();
}

void PendingStream::fail(ConnectError error, const std::string& reason) {
  finder_ = nullptr;
  error_ = error;
  reason_ = reason;
  failed_task_.post();
}

PeerInfo PendingStream::info() const {
  if (stream_) return stream_->info();
  PeerInfo out;
  out.key = key_;
  out.outgoing = true;
  out.error = error_;
  return out;
}

void PendingStream::set_on_open(std::function<void()> on_open) {
  if (stream_) return stream_->set_on_open(std::move(on_open));
  on_open_ = std::move(on_open);
}

void PendingStream::set_on_path_changed(std::function<void()> on_path_changed) {
  if (stream_) return stream_->set_on_path_changed(std::move(on_path_changed));
  on_path_changed_ = std::move(on_path_changed);
}

void PendingStream::set_on_back(std::function<void(std::unique_ptr<PeerStream>)> on_back) {
  if (stream_) return stream_->set_on_back(std::move(on_back));
  on_back_ = std::move(on_back);
}

void PendingStream::set_on_message(std::function<void(ByteView)> on_message) {
  if (stream_) return stream_->set_on_message(std::move(on_message));
  on_message_ = std::move(on_message);
}

void PendingStream::ping(std::function<void(Duration)> done) {
  if (stream_) stream_->ping(std::move(done));
}

void PendingStream::set_max_unsent(std::size_t bytes) {
  max_unsent_ = bytes;
  if (stream_) stream_->set_max_unsent(bytes);
}

void PendingStream::send_message(ByteView message) {
  if (stream_) stream_->send_message(message);
}

std::size_t PendingStream::send_packets(std::span<const MutableBytes> packets) {
  return stream_ ? stream_->send_packets(packets) : 0;
}

void PendingStream::set_packet_observer(PacketObserver* observer) {
  packet_observer_ = observer;
  if (stream_) stream_->set_packet_observer(observer);
}

void PendingStream::cancel() {
  failed_task_.cancel();
  observer_ = nullptr;
  packet_observer_ = nullptr;
  let_go();
  if (stream_) stream_->cancel();
}

// --- net::BufferedByteStream ---

void PendingStream::set_observer(net::ByteStreamObserver* observer) {
  observer_ = observer;
  if (stream_) return stream_->set_observer(observer);
  if (observer_ != nullptr && error_ != ConnectError::kNone) failed_task_.post();
}

net::ReadResult PendingStream::read(MutableBytes into) {
  return stream_ ? stream_->read(into) : net::ReadResult();
}

std::size_t PendingStream::write(ByteView bytes) {
  return stream_ ? stream_->write(bytes) : 0;
}

void PendingStream::end() {
  ended_ = true;
  if (stream_) stream_->end();
}

void PendingStream::commit(std::size_t size) {
  if (stream_) stream_->commit(size);
}

void PendingStream::consume(std::size_t size) {
  if (stream_) stream_->consume(size);
}

net::ReadState PendingStream::read_state() const {
  return stream_ ? stream_->read_state() : net::ReadState::kBlocked;
}

void PendingStream::reset() {
  failed_task_.cancel();
  let_go();
  if (stream_) stream_->reset();
}

void PendingStream::reset_because(const std::string& reason) {
  failed_task_.cancel();
  let_go();
  if (stream_) stream_->reset_because(reason);
}

/// Nothing was taken that it could wait for.
void PendingStream::reset_behind(const std::string& reason) {
  if (stream_) return stream_->reset_behind(reason);
  if (error_ != ConnectError::kNone) return;
  let_go();
  fail(ConnectError::kReset, reason);
}

}  // namespace hsfwd
