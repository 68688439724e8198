// SPDX-License-Identifier: Apache-2.0
// Gathers the packets of one dispatch, so that they leave in as few system calls as possible.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "net/udp.hpp"
#include "udx/packet.hpp"

namespace hsfwd::udx {

class Transmitter {
 public:
  Transmitter();

  struct Target {
    net::UdpSocket* socket = nullptr;
    net::Address to;
    bool may_fragment = false;
  };

  /// A packet without payload, or with one that is copied: header, then `extension`, then `body`.
  void add_copy(const Target& target, const Header& header, ByteView extension, ByteView body);
  /// A packet whose payload stays where it is until flush(). `padding` zeros go before it.
  void add(const Target& target, const Header& header, std::size_t padding,
           const std::array<ByteView, 2>& payload);
  /// A packet as it came in, copied, with another stream id.
  void add_forwarded(const Target& target, ByteView datagram, StreamId id);

  /// Sends what is gathered. What a full socket does not take is copied and sent first when it is
  /// writable again.
  void flush();

  bool blocked(const net::UdpSocket& socket) const { return backlog_.contains(&socket); }
  /// True when nothing is left over and streams may send again.
  bool on_writable(net::UdpSocket& socket);
  void forget(const net::UdpSocket& socket);

 private:
  struct Waiting {
    net::Address to;
    Bytes bytes;
    bool may_fragment = false;
  };

  MutableBytes scratch(const Target& target, std::size_t size);
  void push(const Target& target, const std::array<ByteView, 3>& parts);
  void keep_back(net::UdpSocket& socket, std::span<const net::OutboundDatagram> rest);

  static constexpr std::size_t kMaxBatch = 64;
  static constexpr std::size_t kScratchSize = 128 * 1024;

  net::UdpSocket* socket_ = nullptr;
  std::array<net::OutboundDatagram, kMaxBatch> batch_;
  std::size_t batch_size_ = 0;
  std::unique_ptr<std::uint8_t[]> scratch_;
  std::size_t scratch_used_ = 0;
  std::map<const net::UdpSocket*, std::vector<Waiting>> backlog_;
};

}  // namespace hsfwd::udx
