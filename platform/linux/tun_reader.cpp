// SPDX-License-Identifier: Apache-2.0
#include "platform/linux/tun_reader.hpp"

#include <cerrno>

#include "ip/vnet_header.hpp"

namespace hsfwd::platform {

namespace {

constexpr std::size_t kPacketAlign = 16;  // as of whatever new[] makes
// A batch of packets of 1500 bytes, and room for one that is as large as any.
constexpr std::size_t kPacketMemory = 256 * 1024;
constexpr std::size_t kReadSize = ip::VnetHeader::kSize + net::kMaxMtu;
/// How often a batch reads, so that packets that are lost on the way do not keep it for ever.
constexpr std::size_t kMaxReads = net::kMaxTunnelBatch;

constexpr std::size_t room_around(std::size_t size) {
  const std::size_t whole = net::kTunnelHeadroom + size + net::kTunnelTailroom;
  return (whole + kPacketAlign - 1) / kPacketAlign * kPacketAlign;
}

}  // namespace

TunReader::TunReader(bool vnet)
    : vnet_(vnet),
      memory_(new std::uint8_t[kPacketMemory]),
      read_(vnet ? new std::uint8_t[kReadSize] : nullptr) {
  batch_.reserve(net::kMaxTunnelBatch);
}

TunReader::Received TunReader::receive(TunFile& file) {
  batch_.clear();
  used_ = 0;
  int error = 0;
  for (std::size_t reads = 0; error == 0 && reads < kMaxReads; ++reads) {
    cut_large();
    if (large_ || !has_room(net::kMaxMtu)) break;
    error = vnet_ ? read_large(file) : read_packet(file);
  }
  cut_large();
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

int TunReader::read_packet(TunFile& file) {
  const int size = file.read({memory_.get() + used_ + net::kTunnelHeadroom, net::kMaxMtu});
  if (size <= 0) return size == 0 ? EAGAIN : -size;
  take_room(static_cast<std::size_t>(size));
  return 0;
}

int TunReader::read_large(TunFile& file) {
  const int size = file.read({read_.get(), kReadSize});
  // A packet that the kernel has no header for, which is lost, and not the interface.
  if (size == -EINVAL) return 0;
  if (size <= 0) return size == 0 ? EAGAIN : -size;
  take_large({read_.get(), static_cast<std::size_t>(size)});
  return 0;
}

void TunReader::take_large(ByteView read) {
  const auto header = ip::VnetHeader::decode(read);
  if (!header || read.size() == ip::VnetHeader::kSize) return;
  const ByteView packet = read.subspan(ip::VnetHeader::kSize);
  if (header->gso_type == ip::VnetHeader::kNone && !header->needs_checksum()) {
    // Whole as it is, and not looked into.
    copy_bytes(packet, take_room(packet.size()));
    return;
  }
  const auto large = ip::Segmenter::start(*header, packet);
  if (large) large_ = *large;
}

void TunReader::cut_large() {
  while (large_ && !large_->done() && has_room(large_->next_size())) {
    large_->next(take_room(large_->next_size()));
  }
  if (large_ && large_->done()) large_.reset();
}

}  // namespace hsfwd::platform
