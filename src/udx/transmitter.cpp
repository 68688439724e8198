// SPDX-License-Identifier: Apache-2.0
#include "udx/transmitter.hpp"

#include <new>
#include <span>

#include "util/check.hpp"

namespace hsfwd::udx {

namespace {
constexpr std::array<std::uint8_t, kMaxPadding> kZeros{};
// What may wait for a full socket, packets. Beyond it the network layer is as good as lossy.
constexpr std::size_t kMaxBacklog = 256;
// Buffers that are kept for the next time that a socket is full: a batch.
constexpr std::size_t kIdleMessages = 64;
}  // namespace

Transmitter::Transmitter()
    : scratch_(new std::uint8_t[kScratchSize]), packets_(net::kMaxDatagram, kIdleMessages) {}

MutableBytes Transmitter::scratch(const Target& target, std::size_t size) {
  const bool full = batch_size_ == kMaxBatch || scratch_used_ + size > kScratchSize;
  if (full || (socket_ != nullptr && socket_ != target.socket)) flush();
  const MutableBytes out(scratch_.get() + scratch_used_, size);
  scratch_used_ += size;
  return out;
}

void Transmitter::push(const Target& target, const std::array<ByteView, 3>& parts) {
  socket_ = target.socket;
  batch_[batch_size_++] = {
      .to = target.to, .parts = parts, .ttl = 0, .may_fragment = target.may_fragment};
}

void Transmitter::add_copy(const Target& target, const Header& header, ByteView extension,
                           ByteView body) {
  const MutableBytes bytes = scratch(target, kHeaderSize + extension.size() + body.size());
  header.write(bytes.data());
  copy_bytes(extension, bytes.subspan(kHeaderSize));
  copy_bytes(body, bytes.subspan(kHeaderSize + extension.size()));
  push(target, {bytes, ByteView(), ByteView()});
}

void Transmitter::add(const Target& target, const Header& header, std::size_t padding,
                      const std::array<ByteView, 2>& payload) {
  const MutableBytes bytes = scratch(target, kHeaderSize + padding);
  header.write(bytes.data());
  copy_bytes(ByteView(kZeros).first(padding), bytes.subspan(kHeaderSize));
  push(target, {bytes, payload[0], payload[1]});
}

void Transmitter::add_forwarded(const Target& target, ByteView datagram, StreamId id) {
  const MutableBytes bytes = scratch(target, datagram.size());
  copy_bytes(datagram, bytes);
  store_le32(bytes.data() + 4, id.value);
  push(target, {bytes, ByteView(), ByteView()});
}

void Transmitter::send_messages(const Target& target, const Header& header,
                                std::span<const MutableBytes> messages) {
  HSFWD_CHECK(messages.size() <= kMaxMessages && !blocked(*target.socket));
  for (std::size_t i = 0; i < messages.size(); ++i) {
    std::uint8_t* const packet = messages[i].data() - kHeaderSize;
    header.write(packet);
    messages_[i] = {.to = target.to,
                    .parts = {ByteView(packet, kHeaderSize + messages[i].size()), {}, {}}};
  }
  const std::span<const net::OutboundDatagram> batch(messages_.data(), messages.size());
  try {
    const std::size_t taken = target.socket->send(batch);
    if (taken < batch.size()) keep_back(*target.socket, batch.subspan(taken));
  } catch (const std::bad_alloc&) {
    // Lost, as a network loses datagrams.
  }
}

void Transmitter::flush() {
  if (batch_size_ > 0) {
    const std::span<const net::OutboundDatagram> batch(batch_.data(), batch_size_);
    try {
      const std::size_t taken = blocked(*socket_) ? 0 : socket_->send(batch);
      if (taken < batch.size()) keep_back(*socket_, batch.subspan(taken));
    } catch (const std::bad_alloc&) {
      // Lost, as a network loses datagrams.
    }
  }
  batch_size_ = 0;
  scratch_used_ = 0;
  socket_ = nullptr;
}

void Transmitter::keep_back(net::UdpSocket& socket, std::span<const net::OutboundDatagram> rest) {
  Backlog& backlog = backlog_[&socket];
  backlog.blocked = true;
  for (const net::OutboundDatagram& datagram : rest) {
    if (backlog.waiting.size() >= kMaxBacklog) return;
    // More than any peer takes, and than any path here carries.
    if (datagram.size() > net::kMaxDatagram) continue;
    Waiting copy{datagram.to, packets_.take(), 0, datagram.may_fragment};
    for (const ByteView part : datagram.parts) {
      copy_bytes(part, copy.memory.bytes().subspan(copy.size));
      copy.size += part.size();
    }
    backlog.waiting.push_back(std::move(copy));
  }
}

bool Transmitter::on_writable(net::UdpSocket& socket) {
  const auto found = backlog_.find(&socket);
  if (found == backlog_.end()) return true;
  std::vector<Waiting>& waiting = found->second.waiting;
  std::size_t sent = 0;
  for (; sent < waiting.size(); ++sent) {
    const Waiting& w = waiting[sent];
    const net::OutboundDatagram datagram{
        .to = w.to,
        .parts = {ByteView(w.memory.data(), w.size), ByteView(), ByteView()},
        .may_fragment = w.may_fragment};
    if (socket.send({&datagram, 1}) == 0) break;
  }
  waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(sent));
  found->second.blocked = !waiting.empty();
  return !found->second.blocked;
}

void Transmitter::forget(const net::UdpSocket& socket) {
  if (socket_ == &socket) {
    batch_size_ = 0;
    scratch_used_ = 0;
    socket_ = nullptr;
  }
  backlog_.erase(&socket);
}

}  // namespace hsfwd::udx
