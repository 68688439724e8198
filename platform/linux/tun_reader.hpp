// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ip/segmentation.hpp"
#include "net/packet_tunnel.hpp"
#include "platform/linux/tun_file.hpp"
#include "util/bytes.hpp"

namespace hsfwd::platform {

/// Batches of packets out of what a TUN device hands over: large packets cut into those that they stand
/// for, with the seam's room around each, and checksums that the kernel has left to us completed.
///
/// What cannot be cut, since it is not what its header says, is lost: a program may write any bytes to a
/// device, with a header that the kernel believes.
class TunReader {
 public:
  /// `vnet`: each read begins with a vnet header.
  explicit TunReader(bool vnet);

  struct Received {
    std::span<MutableBytes> packets;  // until the next call
    int error = 0;                    // of errno: the interface is gone
  };
  /// The next packets, at most net::kMaxTunnelBatch. None, if there are none now.
  Received receive(TunFile& file);
  /// One read has more packets than the batch had room for: the file need not become readable for them.
  bool has_more() const { return large_.has_value(); }

 private:
  bool has_room(std::size_t size) const;
  /// Of the next packet, which has_room.
  MutableBytes take_room(std::size_t size);
  /// An error number of errno.
  int read_packet(TunFile& file);
  int read_large(TunFile& file);
  void take_large(ByteView read);
  void cut_large();

  const bool vnet_;
  // Packets stand close together, whatever their size may be at most: a whole batch of usual ones fits, and
  // what was used last is still in the cache.
  std::unique_ptr<std::uint8_t[]> memory_;
  std::size_t used_ = 0;
  std::vector<MutableBytes> batch_;
  // One read, with its header, as long as it is being cut.
  std::unique_ptr<std::uint8_t[]> read_;
  std::optional<ip::Segmenter> large_;
};

}  // namespace hsfwd::platform
