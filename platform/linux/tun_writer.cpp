// SPDX-License-Identifier: Apache-2.0
#include "platform/linux/tun_writer.hpp"

#include <algorithm>
#include <cerrno>

#include "ip/packet.hpp"

namespace hsfwd::platform {

TunWriter::TunWriter(Offload offload)
    : together_{.tcp = offload.vnet && offload.tcp, .udp = offload.vnet && offload.udp},
      vnet_(offload.vnet),
      coalescer_(together_) {}

TunWriter::Sent TunWriter::send(TunFile& file, Batch packets) {
  if (!flush(file)) return {.full = true};
  Sent sent;
  while (sent.taken < packets.size() && !sent.full) {
    const Batch rest = packets.subspan(sent.taken);
    const Batch batch = rest.first(std::min(rest.size(), net::kMaxTunnelBatch));
    const bool together = batch.size() > 1 && (together_.tcp || together_.udp);
    const Sent now = together ? send_together(file, batch) : send_plain(file, batch);
    sent = {.taken = sent.taken + now.taken, .full = now.full};
  }
  return sent;
}

bool TunWriter::flush(TunFile& file) {
  std::size_t written = 0;
  while (written < waiting_.size() && write_plain(file, waiting_[written])) ++written;
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(written));
  return waiting_.empty();
}

/// False if there is no room. What is refused for itself, or since the interface is down, is lost.
bool TunWriter::write_plain(TunFile& file, ByteView packet) const {
  const std::array<ByteView, 2> pieces{ip::Coalescer::kPlainHeader, packet};
  return file.write(std::span(pieces).subspan(vnet_ ? 0 : 1)) != -EAGAIN;
}

TunWriter::Sent TunWriter::send_plain(TunFile& file, Batch packets) const {
  Sent sent;
  while (sent.taken < packets.size() && write_plain(file, packets[sent.taken])) ++sent.taken;
  sent.full = sent.taken < packets.size();
  return sent;
}

TunWriter::Sent TunWriter::send_together(TunFile& file, Batch packets) {
  coalescer_.set_options(together_);
  for (const ByteView bytes : packets) {
    const auto packet = ip::Packet::parse(bytes);
    packet ? coalescer_.add(*packet) : coalescer_.add_unread(bytes);
  }
  Sent sent{.taken = packets.size()};
  auto left = coalescer_.finish();
  for (; !left.empty() && !sent.full; left = left.subspan(1)) {
    const std::size_t written = write_group(file, left.front());
    if (written == left.front().packets.size()) continue;
    sent = {.taken = keep_what_others_overtook(packets, left, written), .full = true};
  }
  coalescer_.clear();
  return sent;
}

/// How many of its packets are written, or lost; fewer than all if there is no room.
std::size_t TunWriter::write_group(TunFile& file, const ip::Coalescer::Write& write) {
  const int result = file.write(write.pieces);
  if (result == -EAGAIN) return 0;
  if (result != -EINVAL || write.packets.size() == 1) return write.packets.size();
  std::size_t written = 0;
  bool taken = false;
  for (; written < write.packets.size(); ++written) {
    const std::array<ByteView, 2> pieces{ip::Coalescer::kPlainHeader, write.packets[written]};
    const int alone = file.write(pieces);
    if (alone == -EAGAIN) break;
    taken = taken || alone >= 0;
  }
  // Otherwise it is the packets that are wrong.
  if (taken) note_refusal(write);
  return written;
}

void TunWriter::note_refusal(const ip::Coalescer::Write& write) {
  if (write.header.gso_type == ip::VnetHeader::kUdp) {
    if (++udp_refusals_ >= kMaxRefusals) together_.udp = false;
  } else {
    if (++tcp_refusals_ >= kMaxRefusals) together_.tcp = false;
  }
}

/// The packets of a batch are not written in their order, and how many are taken is told from the front: those
/// ahead of one that is written are taken as well. Returns how many these are, in all.
std::size_t TunWriter::keep_what_others_overtook(Batch packets,
                                                 std::span<const ip::Coalescer::Write> left,
                                                 std::size_t written_of_first) {
  std::array<bool, net::kMaxTunnelBatch> open{};
  for (const auto& write : left) {
    for (const ByteView packet : write.packets.subspan(std::exchange(written_of_first, 0))) {
      const auto here = [packet](ByteView other) { return other.data() == packet.data(); };
      const auto at = std::find_if(packets.begin(), packets.end(), here) - packets.begin();
      open[static_cast<std::size_t>(at)] = true;
    }
  }
  std::size_t taken = packets.size();
  while (taken > 0 && open[taken - 1]) --taken;
  for (std::size_t i = 0; i < taken; ++i) {
    if (open[i]) waiting_.push_back(to_bytes(packets[i]));
  }
  return taken;
}

}  // namespace hsfwd::platform
