// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/session_stream.hpp"

#include <utility>
#include <vector>

#include "codec/writer.hpp"
#include "hyperdht/peer/context.hpp"
#include "hyperdht/peer/peer_connections.hpp"
#include "hyperdht/peer/session.hpp"

namespace hsfwd::hyperdht {

SessionStream::SessionStream(Session& session, std::uint64_t number, const StreamKeys& keys,
                             const udx::StreamOptions& options)
    : SessionPart(session),
      SecureStream(session.context(), *this, session.path(), keys.local, options),
      number_(number),
      open_told_task_(session.context().env.scheduler, [this] { tell_open(); }),
      early_task_(session.context().env.scheduler, [this] { deliver_early(); }) {
  const udx::Path& path = session.path();
  set_keys(keys.session, {.hsfwd = true, .sealed_end = true, .first_record = false}, *path.socket(),
           keys.remote, path.remote());
  begin();
}

SessionStream::~SessionStream() {
  if (!closed()) session_.say_reset(*this, {});
  if (packets_ != 0) session_.packets().remove(*this);
  session_.forget(*this);
}

void SessionStream::set_on_open(std::function<void()> on_open) {
  on_open_ = std::move(on_open);
  if (accepted() && !told_open_) open_told_task_.post();
}

void SessionStream::accept(Extension extension) {
  // All may have been said ahead of this word. Its end is not told yet then.
  if ((closed() && error() != ConnectError::kNone) || lost_word_ || given_up() || accepted()) {
    return;
  }
  extension_ = std::move(extension);
  if (packets_ != 0) {
    packets_ &= extension_->features;
    if (packets_ == 0) session_.packets().remove(*this);
    look_for_early();
  }
  // Ahead of what else the peer has said of it by now.
  tell_open();
}

void SessionStream::tell_open() {
  // Its end may have come right behind, which is told after this.
  if (silent_ || given_up()) return;
  if (on_open_ && std::exchange(told_open_, true)) return;
  look_again();
  if (!on_open_) return;
  look_for_early();
  on_open_();
}

void SessionStream::refuse(const std::string& why) {
  peer_knows_ = true;
  fail(ConnectError::kReset, why);
}

void SessionStream::fail(ConnectError error, const std::string& detail) {
  let_go(error, detail);
  // It may be over in order by this very call.
  const bool over_in_order = this->error() == ConnectError::kNone && !accepted();
  if (over_in_order && !std::exchange(lost_word_, true)) look_again();
}

void SessionStream::on_peer_reset(const std::string& why) {
  peer_knows_ = true;
  if (detail_.empty()) detail_ = why;
  fail(ConnectError::kReset, detail_);
}

void SessionStream::tell_path_changed() {
  if (!silent_ && on_path_changed_) on_path_changed_();
}

void SessionStream::ping(std::function<void(Duration)> done) {
  if (!is_open() || ended_at()) return;
  on_pong_ = std::move(done);
  pinged_at_ = session_.context().env.now();
  send_message({});
  raw().tell_acknowledged();
}

// --- Packets beside it ---

void SessionStream::want_packets(std::uint64_t kind) {
  packets_ = kind;
  if (kind == 0) return;
  packet_prefix_ = codec::encode([this](codec::Writer& w) { w.uint(number_); });
  session_.packets().add(*this);
}

std::size_t SessionStream::max_packet() const {
  return passes(Extension::kKindsOfPackets) ? session_.packets().max_packet(*this) : 0;
}

std::size_t SessionStream::max_in_parts() const {
  return passes(Extension::kKindsOfPackets) ? session_.packets().max_in_parts(*this) : 0;
}

std::size_t SessionStream::send_packets(std::span<const MutableBytes> packets) {
  return passes(Extension::kKindsOfPackets) ? session_.packets().send(*this, packets) : 0;
}

void SessionStream::set_packet_observer(LaneObserver* observer) {
  packet_observer_ = observer;
  packets_observed_ |= observer != nullptr;
  look_for_early();
}

void SessionStream::look_for_early() {
  if (packets_ != 0 && !awaits_packet_user()) early_task_.post();
}

void SessionStream::deliver_early() {
  if (awaits_packet_user()) return;
  std::vector<Bytes> early = session_.packets().take_early(*this);
  if (early.empty()) return;
  if (packet_observer() == nullptr) {
    session_.context().connections.drops().unwanted += early.size();
    return;
  }
  std::vector<MutableBytes> packets;
  for (Bytes& packet : early) {
    packets.push_back(MutableBytes(packet).subspan(net::kTunnelWriteHeadroom));
  }
  packet_observer_->on_packets(packets);
}

// --- SecureStream::Connection ---

void SessionStream::on_stream_open() {}

void SessionStream::on_stream_broken(const char* why) {
  if (why != nullptr && !closed()) farewell(why);
  fail(ConnectError::kBroken, why != nullptr ? why : "");
}

void SessionStream::on_stream_acknowledged() {
  if (const auto done = std::exchange(on_pong_, nullptr)) {
    done(session_.context().env.now() - pinged_at_);
  }
}

void SessionStream::on_stream_closed(ConnectError error, const std::string& detail) {
  if (!detail.empty()) detail_ = detail;
  if (error != ConnectError::kNone && !peer_knows_) session_.say_reset(*this, detail_);
}

Bytes SessionStream::farewell(const std::string& reason) {
  if (!is_open()) return {};
  if (!std::exchange(peer_knows_, true)) session_.say_reset(*this, reason);
  return session_.farewell_of_stream(raw(), reason);
}

std::string SessionStream::why_closed() const {
  // A stream that went with its session need not have been told why.
  return describe(error(), detail_.empty() ? session_.reason() : detail_);
}

bool SessionStream::accept_path(net::UdpSocket& socket, net::Address from) {
  return session_.hears(socket, from);
}

/// Nothing but why the peer resets it travels beside a stream.
void SessionStream::on_messages(std::span<const MutableBytes> messages) {
  for (const MutableBytes message : messages) {
    if (message.empty()) continue;
    if (const auto reason = session_.open_farewell(message)) detail_ = *reason;
  }
}

void SessionStream::on_stalled() {
  session_.on_stalled();
}

}  // namespace hsfwd::hyperdht
