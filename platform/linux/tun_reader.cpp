// SPDX-License-Identifier: Apache-2.0
#include "platform/linux/tun_reader.hpp"

#include <cerrno>
#include <utility>

#include "ip/flow.hpp"
#include "ip/vnet_header.hpp"

namespace hsfwd::platform {

namespace {

constexpr std::size_t kPacketAlign = 16;  // as of whatever new[] makes
// A batch of packets of 1500 bytes, and room for one that is as large as any.
constexpr std::size_t kPacketMemory = 256 * 1024;

constexpr std::size_t room_around(std::size_t size) {
  const std::size_t whole = net::kTunnelHeadroom + size + net::kTunnelTailroom;
  return (whole + kPacketAlign - 1) / kPacketAlign * kPacketAlign;
}

}  // namespace

TunReader::TunReader(bool vnet, std::uint64_t secret)
    : vnet_(vnet), secret_(secret), memory_(new std::uint8_t[kPacketMemory]) {
  batch_.reserve(net::kMaxTunnelBatch);
}

TunReader::Received TunReader::receive(TunFile& file, Instant now) {
  batch_.clear();
  used_ = 0;
  int error = 0;
  std::size_t bytes = 0;
  for (std::size_t reads = 0; error == 0 && reads < kMaxReads && bytes < kMaxReadBytes; ++reads) {
    bytes += read(file, now, error);
  }
  cut(now);
  return {.packets = batch_, .error = error == EAGAIN ? 0 : error};
}

bool TunReader::has_room(std::size_t size) const {
  return batch_.size() < net::kMaxTunnelBatch && used_ + room_around(size) <= kPacketMemory;
}

MutableBytes TunReader::take_room(std::size_t size) {
  const MutableBytes room(memory_.get() + used_ + net::kTunnelHeadroom, size);
  used_ += room_around(size);
  return batch_.emplace_back(room);
}

std::size_t TunReader::read(TunFile& file, Instant now, int& error) {
  if (!read_) read_ = large_.take();
  const int size = file.read(read_.bytes());
  // A packet that the kernel has no header for, which is lost, and not the interface.
  if (size == -EINVAL && vnet_) return 0;
  if (size <= 0) {
    error = size == 0 ? EAGAIN : -size;
    return 0;
  }
  take(static_cast<std::size_t>(size), now);
  return static_cast<std::size_t>(size);
}

/// What has been read, in a buffer that is not much larger.
PooledBuffer TunReader::keep(std::size_t size) {
  if (size > kMediumRead) return std::move(read_);
  PooledBuffer out = size > kSmallRead ? medium_.take() : small_.take();
  copy_bytes(ByteView(read_.bytes()).first(size), out.bytes());
  return out;
}

void TunReader::take(std::size_t size, Instant now) {
  ip::VnetHeader header;
  const std::size_t ahead = vnet_ ? ip::VnetHeader::kSize : 0;
  if (vnet_) {
    const auto decoded = ip::VnetHeader::decode(ByteView(read_.bytes()).first(size));
    if (!decoded || size == ahead) return;
    header = *decoded;
  }
  PooledBuffer buffer = keep(size);
  const ByteView packet = ByteView(buffer.bytes()).subspan(ahead, size - ahead);
  if (header.gso_type == ip::VnetHeader::kNone && !header.needs_checksum()) {
    // Whole as it is, whatever it may be.
    const auto parsed = ip::Packet::parse(packet);
    const std::uint64_t flow = parsed ? ip::flow_number(*parsed, secret_) : 0;
    queue_.push(TunRead(std::move(buffer), packet), flow, now);
    return;
  }
  const auto large = ip::Segmenter::start(header, packet);
  if (!large) return;
  const std::uint64_t flow = ip::flow_number(large->packet(), secret_);
  queue_.push(TunRead(std::move(buffer), *large), flow, now);
}

/// All of a read that there is room for, ahead of another flow's: the peer puts together again what comes in a row.
void TunReader::cut(Instant now) {
  while (TunRead* const next = queue_.front(now)) {
    const std::size_t before = batch_.size();
    std::size_t cut = 0;
    while (!next->done() && has_room(next->next_bytes())) {
      const std::size_t size = next->next_bytes();
      next->next(take_room(size));
      cut += size;
    }
    if (cut == 0) return;
    queue_.sent(batch_.size() - before, cut);
  }
}

}  // namespace hsfwd::platform
