// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>
#include <vector>

#include "ip/coalescer.hpp"
#include "net/packet_tunnel.hpp"
#include "platform/linux/tun_file.hpp"
#include "util/bytes.hpp"

namespace hsfwd::platform {

/// Packets into a TUN device, those of a flow that the kernel takes in one piece by one write.
///
/// Kernels are not always right about that: what one refuses in one piece is written packet by packet. A
/// few such refusals, and that protocol's packets are put together no more.
class TunWriter {
 public:
  struct Offload {
    bool vnet = false;  // each write begins with a vnet header; without it the rest is nothing
    bool tcp = false;
    bool udp = false;
  };
  /// Refusals of one protocol that are enough. A kernel that is right has none, and one that is not may
  /// refuse some sizes and take others.
  static constexpr int kMaxRefusals = 3;

  explicit TunWriter(Offload offload);

  struct Sent {
    std::size_t taken = 0;  // from the front
    bool full = false;      // also if all are taken, and some wait here
  };
  /// As net::PacketTunnel::write.
  Sent send(TunFile& file, std::span<const MutableBytes> packets);
  /// To be called when there is room again. False if there is not.
  bool flush(TunFile& file);

 private:
  using Batch = std::span<const MutableBytes>;
  bool write_plain(TunFile& file, ByteView packet) const;
  Sent send_plain(TunFile& file, Batch packets) const;
  Sent send_together(TunFile& file, Batch packets);
  std::size_t write_group(TunFile& file, const ip::Coalescer::Write& write);
  void note_refusal(const ip::Coalescer::Write& write);
  std::size_t keep_what_others_overtook(Batch packets, std::span<const ip::Coalescer::Write> left,
                                        std::size_t written_of_first);

  ip::Coalescer::Options together_;
  const bool vnet_;
  int tcp_refusals_ = 0;
  int udp_refusals_ = 0;
  ip::Coalescer coalescer_;
  // Taken, and not written yet: behind them others of the same batch have been. Hardly ever any.
  std::vector<Bytes> waiting_;
};

}  // namespace hsfwd::platform
