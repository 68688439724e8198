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
#include "util/buffer_pool.hpp"

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

  /// How many messages send_messages() takes: as many as one system call.
  static constexpr std::size_t kMaxMessages = 64;
  /// Unreliable packets that leave at once, in one call, ahead of what is gathered. `header` is written
  /// into the kHeaderSize bytes ahead of each. Only while the socket is not blocked.
  void send_messages(const Target& target, const Header& header,
                     std::span<const MutableBytes> messages);

  /// Sends what is gathered. What a full socket does not take is copied and sent first when it is
  /// writable again.
  void flush();

  bool blocked(const net::UdpSocket& socket) const {
    const auto found = backlog_.find(&socket);
    return found != backlog_.end() && found->second.blocked;
  }
  /// True when nothing is left over and streams may send again.
  bool on_writable(net::UdpSocket& socket);
  void forget(const net::UdpSocket& socket);

 private:
  struct Waiting {
    net::Address to;
    PooledBuffer memory;
    std::size_t size = 0;
    bool may_fragment = false;
  };
  /// Of a socket that has been full, and may be so more often: its memory stays.
  struct Backlog {
    bool blocked = false;
    std::vector<Waiting> waiting;
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
  std::array<net::OutboundDatagram, kMaxMessages> messages_;
  BufferPool packets_;
  std::map<const net::UdpSocket*, Backlog> backlog_;
};

}  // namespace hsfwd::udx
